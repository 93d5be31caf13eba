import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { eventually } from '../testing/index.ts'
import { cacheConformance, cachesOver, heldLoad } from './conformance.ts'
import { ListeningCache } from './heard-cache.ts'
import { RedisStore, type RedisStoreOptions } from './redis-store.ts'

const url = process.env.BANYAN_REDIS_URL ?? 'redis://127.0.0.1:11379'
const ROOT = join(import.meta.dirname, '..', '..', '..', '..')
const run = promisify(execFile)

async function server(action: 'kill' | 'start'): Promise<void> {
  const args = ['--import', 'tsx', 'scripts/servers/main.ts', action, 'redis']
  await run(process.execPath, args, { cwd: ROOT })
}

async function connected(options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
  const store = new RedisStore({ url, ...options })
  await eventually('it is connected', () => answers(store))
  return store
}

const answers = (store: RedisStore) =>
  store.check().then(
    () => true,
    () => false,
  )

/** What is right is so on a busy machine too, only later. */
const PATIENT = { operationMs: 10_000 }

cacheConformance('Redis', () => connected(PATIENT))

it('two processes do not both keep what they load, and one’s delete is the other’s', async () => {
  const open = (store: RedisStore) =>
    cachesOver(store).caches.open({ name: 'numbers', schema: z.int(), ttlMs: 60_000 })
  const [one, two] = [await connected(PATIENT), await connected(PATIENT)]
  onTestFinished(async () => {
    await Promise.all([one.close(), two.close()])
  })
  const [here, there] = [open(one), open(two)]
  const id = randomUUID()
  const held = heldLoad(1)
  const loading = here.getOrLoad(id, held.load)
  await eventually('it is claimed', async () => (await one.get(`shop:numbers:${id}`)) !== null)
  expect(await there.getOrLoad(id, async () => 2)).toBe(2)
  expect(await there.get(id)).toBeUndefined()
  await there.delete(id)
  held.release()
  expect(await loading).toBe(1)
  expect(await here.get(id)).toBeUndefined()
})

it('goes on without Redis while it is dead, says so once, and with it when it is back', async () => {
  const store = await connected(PATIENT)
  onTestFinished(async () => {
    await server('start')
    await store.close()
  })
  const lines: string[] = []
  const { caches } = cachesOver(store, 'shop', (line) => lines.push(line))
  const numbers = caches.open({ name: 'numbers', schema: z.int(), ttlMs: 60_000 })
  const id = randomUUID()
  await numbers.set(id, 1)
  await server('kill')
  let loads = 0
  for (let i = 0; i < 200; i++) {
    expect(await numbers.getOrLoad(id, async () => ++loads)).toBe(i + 1)
  }
  await numbers.delete(id)
  expect(lines).toHaveLength(1)
  await server('start')
  await eventually('it is back', () => answers(store))
  // It was not deleted: an outage costs no more than a value that is as old as it may be.
  expect(await numbers.get(id)).toBe(1)
  expect(lines).toHaveLength(2)
})

it('forgets what changed while Redis was dead, where the database says of changes', async () => {
  const database = await EmbeddedPostgres.start()
  const pool = createPool(await database.createDatabase('numbers'), { name: 'test' })
  const stores = [await connected(PATIENT), await connected(PATIENT)]
  const processes = stores.map((store) => {
    const cache = cachesOver(store).caches.open({
      name: 'numbers',
      schema: z.int(),
      ttlMs: 60_000,
    })
    const log = { info: () => {}, warn: () => {} } as never
    return new ListeningCache(cache, { pool, channel: 'number_changed', log, beatMs: 200 })
  })
  onTestFinished(async () => {
    await server('start')
    for (const process of processes) await process.close()
    for (const store of stores) await store.close()
    await pool.end()
    await database.stop()
  })
  const [one, two] = processes as [(typeof processes)[0], (typeof processes)[0]]
  const id = randomUUID()
  let number = 1
  let loads = 0
  const load = async () => {
    loads++
    return number
  }
  const isShared = async () => {
    const first = await one.getOrLoad(id, load)
    const before = loads
    return (await two.getOrLoad(id, load)) === first && loads === before
  }
  await eventually('what one has read the other has', isShared)
  await server('kill')
  number = 2
  await pool.query('SELECT pg_notify($1, $2)', ['number_changed', id])
  await eventually('it is heard of', async () => (await two.getOrLoad(id, load)) === 2)
  await server('start')
  await eventually('what one has read the other has', isShared)
  expect(await one.getOrLoad(id, load)).toBe(2)
})

it('leaves a connection on which no answer comes, and waits before it tries the next', async () => {
  const sockets = new Set<Socket>()
  let connections = 0
  let silent = false
  /** Redis, as it is seen over a network that swallows what it is given. */
  const proxy = createServer((client) => {
    connections++
    const redis = connect(Number(new URL(url).port), new URL(url).hostname)
    for (const socket of [client, redis]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', (bytes) => silent || redis.write(bytes))
    redis.on('data', (bytes) => silent || client.write(bytes))
    client.on('close', () => redis.destroy())
    redis.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as { port: number }
  const store = await connected({ url: `redis://127.0.0.1:${port}` })
  onTestFinished(async () => {
    await store.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
  })
  expect(connections).toBe(1)
  silent = true
  const failures = new Map<string, number>()
  for (let i = 0; i < 100; i++) {
    const { message } = await store.get('x').then(
      () => ({ message: 'answered' }),
      (error: Error) => error,
    )
    failures.set(message, (failures.get(message) ?? 0) + 1)
  }
  // A few waited their 250 ms; for the others there was nothing to wait for.
  expect(failures.get('there is no connection to Redis')).toBeGreaterThan(90)
  expect(failures.get('no answer from Redis within 250 ms')).toBeGreaterThan(0)
  await eventually('it tries again', () => connections > 1)
  silent = false
  await eventually('it is back', () => answers(store), 60_000)
  expect(connections).toBeLessThanOrEqual(4)
})
