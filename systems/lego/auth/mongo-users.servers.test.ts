import { EmbeddedPostgres } from '@banyan/postgres'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { send } from '../testing/monolith.ts'
import { eventually, type Running, startProcess } from '../testing/processes.ts'
import { serverNow } from '../testing/servers.ts'
import { openMongoUsers } from './mongo-users.ts'
import { conforms } from './user-store-conformance.ts'

const SERVER = process.env.BANYAN_MONGODB_URL
if (!SERVER) throw new Error('BANYAN_MONGODB_URL is not set: run npm run test:servers')

/** Databases of this run alone. */
const database = (name: string) => `${SERVER}/${name}_${crypto.randomUUID().slice(0, 8)}`
const URL = database('users')

conforms('MongoDB', () => openMongoUsers(URL))

it('refuses a collection in which two users have one address', async () => {
  const url = database('twins')
  const client = new MongoClient(url)
  onTestFinished(() => client.close())
  const twins = [{ email: 'a@example.org' }, { email: 'a@example.org' }]
  await client.db().collection('users').insertMany(twins)
  await expect(openMongoUsers(url)).rejects.toThrow(/duplicate key|unique/i)
})

describe('the Auth Service with its users in MongoDB', () => {
  const ANNA = { email: 'anna@example.org', password: 'correct horse battery' }
  const users = database('auth')
  let server: EmbeddedPostgres
  let env: Record<string, string>
  let auth: Running
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    env = { DATABASE_URL: await server.createDatabase('auth'), USERS_URL: users }
    auth = await startProcess('auth/main.ts', env)
  })
  afterAll(async () => {
    await auth?.end()
    await server?.stop()
  })
  const post = (path: string, body: unknown) => send(`${auth.url}${path}`, 'POST', {}, body)

  it('signs up and in, once an address, and still after kill -9', async () => {
    const { status, body } = await post('/users', ANNA)
    expect({ status, email: body.email }).toEqual({ status: 201, email: ANNA.email })
    expect((await post('/users', { ...ANNA, email: 'ANNA@example.org' })).status).toBe(409)
    await auth.end('SIGKILL')
    auth = await startProcess('auth/main.ts', env)
    const signedIn = await post('/sign-in', { ...ANNA, email: 'Anna@Example.org' })
    expect(signedIn.body.user).toEqual(body)
    expect((await post('/sign-in', { ...ANNA, password: 'wrong' })).status).toBe(401)
    expect((await send(`${auth.url}/health`, 'GET', {})).status).toBe(200)
  })

  it('fails fast while MongoDB is dead, and goes on when it is back', async () => {
    await serverNow('kill', 'mongodb')
    expect((await post('/sign-in', ANNA)).status).toBe(500)
    expect((await send(`${auth.url}/health`, 'GET', {})).status).toBe(500)
    // Signing keys are not there: tokens that are out stay good.
    const { body } = await send(`${auth.url}/.well-known/jwks.json`, 'GET', {})
    expect(body.keys).toHaveLength(1)
    await serverNow('start', 'mongodb')
    await eventually('it signs in again', async () => {
      return (await post('/sign-in', ANNA)).status === 200
    })
  })
})
