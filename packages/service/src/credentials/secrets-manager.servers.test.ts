import { randomUUID } from 'node:crypto'
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { RenewedCredentials } from './renewed-credentials.ts'
import { readSecret } from './secrets-manager.ts'

const endpoint = process.env.BANYAN_AWS_URL ?? 'http://127.0.0.1:10000'
const region = 'eu-central-1'
// The server that stands in for AWS asks for some, and looks at none.
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'

const aws = new SecretsManagerClient({ endpoint, region })
const secretOf = (password: string) => JSON.stringify({ username: 'app', password })
let server: EmbeddedPostgres

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})

afterAll(() => server.stop())

it('a secret is rotated in AWS’s four steps, and no connection is refused at any', async () => {
  const admin = createPool(server.url(), { name: 'admin' })
  await admin.query(`CREATE ROLE app LOGIN PASSWORD 'first'`)
  const SecretId = `database-${randomUUID()}`
  const first = await aws.send(
    new CreateSecretCommand({ Name: SecretId, SecretString: secretOf('first') }),
  )
  const pool = createPool(server.url(), {
    name: 'rotated',
    credentials: new RenewedCredentials(readSecret(SecretId, { endpoint, region })),
  })
  onTestFinished(async () => {
    await pool.end()
    await admin.end()
  })
  /** Makes a connection of its own. */
  const connect = async () => {
    const client = await pool.connect()
    client.release(true)
  }
  await connect()
  const pending = await aws.send(
    new PutSecretValueCommand({
      SecretId,
      SecretString: secretOf('second'),
      VersionStages: ['AWSPENDING'],
    }),
  )
  await connect()
  await admin.query(`ALTER ROLE app PASSWORD 'second'`)
  await connect()
  await aws.send(
    new UpdateSecretVersionStageCommand({
      SecretId,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: pending.VersionId,
      RemoveFromVersionId: first.VersionId,
    }),
  )
  await connect()
  expect(await readSecret(SecretId, { endpoint, region })(null)).toEqual({
    user: 'app',
    password: 'second',
  })
})
