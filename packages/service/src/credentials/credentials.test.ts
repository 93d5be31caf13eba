import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Credentials, createPool, EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { credentialsFrom } from './credentials-from.ts'
import { RenewedCredentials } from './renewed-credentials.ts'

let server: EmbeddedPostgres
let admin: ReturnType<typeof createPool>

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  admin = createPool(server.url(), { name: 'admin' })
  await admin.query(`CREATE ROLE app LOGIN PASSWORD 'first'`)
  await admin.query(`CREATE ROLE other LOGIN PASSWORD 'other'`)
})

afterAll(async () => {
  await admin.end()
  await server.stop()
})

async function credentialsFile() {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'database.json')
  const write = (username: string, password: string) =>
    writeFile(path, JSON.stringify({ username, password }))
  return { path, write }
}

describe('a pool whose credentials are changed', () => {
  it('fails none of 100 requests a second, and connects with the new ones', async () => {
    const file = await credentialsFile()
    await file.write('app', 'first')
    await admin.query(`ALTER ROLE app PASSWORD 'first'`)
    const source = credentialsFrom(`file:${file.path}`)
    let refusals = 0
    const renew = (refused: Credentials) => {
      refusals++
      return source.renew(refused)
    }
    const pool = createPool(server.url(), {
      name: 'under-load',
      // Every second each connection is a new one, which needs credentials.
      maxLifetimeS: 1,
      credentials: { get: () => source.get(), renew },
    })
    onTestFinished(() => pool.end())
    const failures: string[] = []
    const users = new Set<string>()
    const backends = new Set<number>()
    const running = new Set<Promise<void>>()
    let requests = 0
    const request = async () => {
      requests++
      const { rows } = await pool.query('SELECT current_user AS name, pg_backend_pid() AS backend')
      users.add(rows[0].name)
      backends.add(rows[0].backend)
    }
    const load = setInterval(() => {
      const one: Promise<void> = request()
        .catch((error: Error) => void failures.push(error.message))
        .finally(() => running.delete(one))
      running.add(one)
    }, 10)
    onTestFinished(() => clearInterval(load))

    for (const password of ['second', 'third']) {
      const [backendsBefore, refusalsBefore] = [backends.size, refusals]
      await admin.query(`ALTER ROLE app PASSWORD '${password}'`)
      // Requests meet the new password before the file does.
      const met = expect.poll(() => refusals, { timeout: 20_000, interval: 5 })
      await met.toBeGreaterThan(refusalsBefore)
      await file.write('app', password)
      await expect
        .poll(() => backends.size, { timeout: 20_000 })
        .toBeGreaterThan(backendsBefore + 1)
    }
    await file.write('other', 'other')
    await admin.query(`ALTER ROLE app PASSWORD 'fourth'`)
    await expect.poll(() => users.has('other'), { timeout: 20_000 }).toBe(true)
    clearInterval(load)
    await Promise.all(running)
    expect(failures).toEqual([])
    expect(requests).toBeGreaterThan(100)
    expect([...users].sort()).toEqual(['app', 'other'])
  })

  it('says so when the server refuses what there is', async () => {
    const pool = createPool(server.url(), {
      name: 'refused',
      credentials: { get: async () => WRONG, renew: async () => WRONG },
    })
    onTestFinished(() => pool.end())
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    await expect(pool.connect()).rejects.toMatchObject({ code: '28P01' })
  })
})

const WRONG = { user: 'app', password: 'wrong' }
const A = { user: 'a', password: '1' }
const B = { user: 'b', password: '2' }

describe('renewed credentials', () => {
  it('are read once for all who were refused, and again when they are old', async () => {
    let [reads, time] = [0, 0]
    const source = new RenewedCredentials(async () => (reads++ < 1 ? A : B), { now: () => time })
    expect([await source.get(), await source.get(), reads]).toEqual([A, A, 1])
    const all = await Promise.all([source.renew(A), source.renew({ ...A }), source.renew(A)])
    expect([all, reads]).toEqual([[B, B, B], 2])
    expect([await source.renew(A), reads]).toEqual([B, 2])
    time = 30_001
    expect([await source.get(), reads]).toEqual([B, 3])
  })

  it('are kept while they cannot be read', async () => {
    let reads = 0
    const source = new RenewedCredentials(async () => {
      if (reads++ > 0) throw new Error('away')
      return A
    })
    expect([await source.get(), await source.renew(A), reads]).toEqual([A, A, 2])
    const never = new RenewedCredentials(() => Promise.reject(new Error('away')))
    await expect(never.get()).rejects.toThrow('away')
  })

  it('say what is wrong with them, and not what they are', async () => {
    const { path } = await credentialsFile()
    for (const bad of ['s3cret', '{"password":"s3cret"}', '{"username":1,"password":"s3cret"}']) {
      await writeFile(path, bad)
      const message = await credentialsFrom(`file:${path}`)
        .get()
        .catch((error: Error) => error.message)
      expect(message).toContain('"username"')
      expect(message).not.toContain('s3cret')
    }
    expect(() => credentialsFrom('vault:x')).toThrow('"file:PATH" or "aws:SECRET" are allowed')
  })
})
