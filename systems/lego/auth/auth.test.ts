import { EmbeddedPostgres } from '@banyan/postgres'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Running, startProcess } from '../testing/processes.ts'
import { openDatabase } from './database.ts'
import { currentKey } from './keys.ts'
import { mintToken } from './mint.ts'
import { postgresUsers } from './postgres-users.ts'
import { AUDIENCE, ISSUER } from './settings.ts'
import { conforms } from './user-store-conformance.ts'

const ANNA = { email: 'anna@example.org', password: 'correct horse battery' }

describe('the Auth Service', () => {
  let server: EmbeddedPostgres
  let database: string
  let auth: Running
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    database = await server.createDatabase('auth')
    auth = await startProcess('auth/main.ts', { DATABASE_URL: database })
    expect((await post('/users', ANNA)).status).toBe(201)
  })
  afterAll(async () => {
    await auth.end()
    await server.stop()
  })

  const post = (path: string, body: unknown, token?: string) =>
    fetch(`${auth.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    })
  const signIn = async (body: unknown = ANNA) => {
    const response = await post('/sign-in', body)
    expect(response.status).toBe(200)
    return ((await response.json()) as { accessToken: string }).accessToken
  }
  const verify = (token: string) =>
    jwtVerify(token, createRemoteJWKSet(new URL(`${auth.url}/.well-known/jwks.json`)), {
      issuer: ISSUER,
      audience: AUDIENCE,
    })
  const minted = async (roles: string[]) => {
    const client = new pg.Client({ connectionString: database })
    await client.connect()
    const key = await currentKey(client)
    await client.end()
    return mintToken(key!, { sub: 'user-1', email: 'one@example.org', roles })
  }

  it('signs in with address and password, in any case of the address', async () => {
    const token = await signIn({ ...ANNA, email: 'Anna@Example.org' })
    const { payload, protectedHeader } = await verify(token)
    expect(protectedHeader.alg).toBe('ES256')
    expect(payload).toMatchObject({ email: ANNA.email, roles: ['user'] })
  })

  it.each([
    ['a wrong password', { ...ANNA, password: 'wrong' }, 401, 'BAD_CREDENTIALS'],
    ['an unknown address', { ...ANNA, email: 'no@example.org' }, 401, 'BAD_CREDENTIALS'],
    ['a missing password', { email: ANNA.email }, 400, 'INVALID'],
  ])('refuses %s', async (_what, body, status, code) => {
    const response = await post('/sign-in', body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
  })

  it('refuses a second user with the same address', async () => {
    expect((await post('/users', { ...ANNA, email: 'ANNA@example.org' })).status).toBe(409)
  })

  it('publishes no private part of a key', async () => {
    const { keys } = (await (await fetch(`${auth.url}/.well-known/jwks.json`)).json()) as {
      keys: Record<string, string>[]
    }
    expect(keys).toHaveLength(1)
    expect(Object.keys(keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  })

  it('accepts tokens minted from the key in its database', async () => {
    expect((await verify(await minted(['user']))).payload.sub).toBe('user-1')
  })

  it('keeps tokens valid through kill -9', async () => {
    const token = await signIn()
    await auth.end('SIGKILL')
    auth = await startProcess('auth/main.ts', { DATABASE_URL: database })
    await expect(verify(token)).resolves.toBeDefined()
  })

  it('signs with a new key after rotation, and old tokens stay valid', async () => {
    const before = await signIn()
    expect((await post('/keys/rotate', {}, before)).status).toBe(403)
    expect((await post('/keys/rotate', {}, await minted(['admin']))).status).toBe(201)
    const after = await signIn()
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
    await expect(verify(before)).resolves.toBeDefined()
    await expect(verify(after)).resolves.toBeDefined()
  })

  it('signs RS256 by setting, and ends cleanly on SIGTERM', async () => {
    expect(await auth.end('SIGTERM')).toBe(0)
    auth = await startProcess('auth/main.ts', { DATABASE_URL: database, ALGORITHM: 'RS256' })
    expect((await verify(await signIn())).protectedHeader.alg).toBe('RS256')
  })

  it('names the settings that are wrong', async () => {
    const wrong = { DATABASE_URL: 'mysql://x', USERS_URL: 'mongodb://127.0.0.1' }
    await expect(startProcess('auth/main.ts', wrong)).rejects.toThrow(
      /auth: settings are not valid: DATABASE_URL: .*; USERS_URL: must be "mongodb:/,
    )
  })

  conforms('PostgreSQL', async () => {
    const pool = await openDatabase(database)
    return { ...postgresUsers(pool), close: () => pool.end() }
  })
})
