import { connect, createServer, type Socket } from 'node:net'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { eventually } from '../testing/index.ts'
import { cachesOver, heldLoad } from './conformance.ts'
import { ListeningCache } from './heard-cache.ts'
import { MemoryStore } from './memory-store.ts'
import type { CacheStore } from './store.ts'

const TABLE = `
  CREATE TABLE note (id text PRIMARY KEY, body text NOT NULL);
  CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'TRUNCATE' THEN
      PERFORM pg_catalog.pg_notify('note_changed_generation', gen_random_uuid()::text);
    ELSE
      PERFORM pg_catalog.pg_notify('note_changed', OLD.id);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER tell_change AFTER UPDATE OR DELETE ON note
    FOR EACH ROW EXECUTE FUNCTION tell_change();
  CREATE TRIGGER tell_truncation AFTER TRUNCATE ON note
    FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
  ALTER TABLE note ENABLE ALWAYS TRIGGER tell_change;
  ALTER TABLE note ENABLE ALWAYS TRIGGER tell_truncation`

let server: EmbeddedPostgres
let url: string
/** Whoever else writes: what it is told to does not go through the connections that are broken here. */
let others: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  url = await server.createDatabase('notes')
  others = createPool(url, { name: 'others' })
  await others.query(`SET search_path TO public; ${TABLE}`)
})
afterAll(async () => {
  await others?.end()
  await server?.stop()
})
beforeEach(async () => {
  await others.query(`INSERT INTO public.note VALUES ('a', 'one'), ('b', 'one')
    ON CONFLICT (id) DO UPDATE SET body = 'one'`)
})

const write = (body: string, id = 'a') =>
  others.query('UPDATE public.note SET body = $1 WHERE id = $2', [body, id])

interface ProcessParts {
  readonly store?: CacheStore
  readonly at?: string
  readonly beatMs?: number
}

/** A process of a service, which reads notes through its cache. */
function startProcess({ store = new MemoryStore(), at = url, beatMs = 200 }: ProcessParts = {}) {
  const pool = createPool(at, { name: 'listening' })
  const lines: string[] = []
  const cache = cachesOver(store).caches.open({ name: 'notes', schema: z.string(), ttlMs: 60_000 })
  const say = (_: object, message: string) => void lines.push(message)
  const log = { info: say, warn: say } as never
  const heard = new ListeningCache(cache, { pool, channel: 'note_changed', log, beatMs })
  let loads = 0
  const read = async (id: string) => {
    loads++
    const { rows } = await others.query('SELECT body FROM public.note WHERE id = $1', [id])
    if (rows.length === 0) throw new Error('no such note')
    return rows[0].body as string
  }
  const get = (id = 'a') => heard.getOrLoad(id, () => read(id))
  const isKept = async (id?: string) => {
    await get(id)
    const before = loads
    await get(id)
    return loads === before
  }
  onTestFinished(async () => {
    await heard.close()
    await pool.end()
  })
  return { heard, get, isKept, lines, loads: () => loads }
}

/** The database, as it is seen over a network that can break, or swallow what it is given. */
async function startNetwork() {
  const sockets = new Set<Socket>()
  let state: 'well' | 'broken' | 'silent' = 'well'
  const { hostname, port, pathname, username, password } = new URL(url)
  const proxy = createServer((client) => {
    if (state === 'broken') return client.destroy()
    const database = connect(Number(port), hostname)
    const passOn = (from: Socket, to: Socket) => {
      sockets.add(from)
      from.on('error', () => {})
      from.on('data', (bytes) => state === 'silent' || to.write(bytes))
      from.on('close', () => to.destroy())
    }
    passOn(client, database)
    passOn(database, client)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
  })
  const { port: own } = proxy.address() as { port: number }
  return {
    url: `postgres://${username}:${password}@127.0.0.1:${own}${pathname}`,
    set(next: typeof state) {
      state = next
      if (next !== 'silent') for (const socket of sockets) socket.destroy()
    },
  }
}

it('keeps what it read until anybody changes or deletes it, in whatever role', async () => {
  const { get, isKept, loads } = startProcess()
  await eventually('it is kept', () => isKept())
  await eventually('the other is kept', () => isKept('b'))
  await write('two')
  await eventually('the change is seen', async () => (await get()) === 'two')
  const before = loads()
  expect(await get('b')).toBe('one')
  expect(loads()).toBe(before)
  await eventually('it is kept again', () => isKept())
  // As replication writes.
  await others.query(
    `BEGIN; SET LOCAL session_replication_role = replica; UPDATE public.note SET body = 'three'; COMMIT`,
  )
  await eventually('it is seen', async () => (await get()) === 'three')
  await eventually('it is kept again', () => isKept())
  await others.query(`DELETE FROM public.note WHERE id = 'a'`)
  const gone = () => get().catch((error: Error) => error.message)
  await eventually('it is gone', async () => (await gone()) === 'no such note')
  await others.query(`INSERT INTO public.note VALUES ('a', 'four')`)
  expect(await gone()).toBe('four')
})

it('keeps nothing of what was there before all of it was truncated', async () => {
  const { get, isKept } = startProcess()
  await eventually('it is kept', () => isKept())
  await others.query('TRUNCATE public.note')
  await others.query(`INSERT INTO public.note VALUES ('a', 'another')`)
  await eventually('it is seen', async () => (await get()) === 'another')
})

it('is past for who changed it as soon as that is said here', async () => {
  const { heard, get, isKept } = startProcess()
  await eventually('it is kept', () => isKept())
  // Nobody is told.
  await others.query(`BEGIN; ALTER TABLE public.note DISABLE TRIGGER tell_change;
    UPDATE public.note SET body = 'mine' WHERE id = 'a';
    ALTER TABLE public.note ENABLE ALWAYS TRIGGER tell_change; COMMIT`)
  expect(await get()).toBe('one')
  await heard.delete('a')
  expect(await get()).toBe('mine')
})

it('does not keep what was read before a change, and comes after', async () => {
  const { heard, get, isKept } = startProcess()
  await eventually('it is kept', () => isKept('b'))
  const old = heldLoad('one')
  const asked = heard.getOrLoad('a', old.load)
  await write('two')
  await write('two', 'b')
  await eventually('both are heard of', async () => (await get('b')) === 'two')
  old.release()
  expect(await asked).toBe('one')
  expect(await get()).toBe('two')
})

it('is passed by while changes are not heard, and has forgotten what was before when they are', async () => {
  const network = await startNetwork()
  const { get, isKept, lines } = startProcess({ at: network.url })
  await eventually('it is kept', () => isKept())
  await eventually('the other is kept', () => isKept('b'))
  network.set('broken')
  await eventually('it reads', async () => !(await isKept()))
  await write('two')
  await write('two', 'b')
  expect(await get()).toBe('two')
  network.set('well')
  await eventually('it hears again', () => isKept())
  expect(await get()).toBe('two')
  // This one was not asked for meanwhile.
  expect(await get('b')).toBe('two')
  expect(lines).toEqual([
    'changes are not heard; reads go past the cache',
    'changes are heard again',
  ])
})

it('leaves a connection over which no answer comes', async () => {
  const network = await startNetwork()
  const { get, isKept } = startProcess({ at: network.url })
  await eventually('it is kept', () => isKept())
  network.set('silent')
  await write('two')
  await eventually('the change is seen', async () => (await get()) === 'two')
  network.set('well')
  await eventually('it hears again', () => isKept())
  expect(await get()).toBe('two')
})

it('two processes share what they keep, and one that was deaf goes by what the other heard', async () => {
  const store = new MemoryStore()
  const network = await startNetwork()
  const one = startProcess({ store })
  const two = startProcess({ store, at: network.url })
  const shared = async () => {
    await one.get()
    const before = two.loads()
    await two.get()
    return two.loads() === before
  }
  await eventually('both hear', shared)
  network.set('broken')
  await eventually('it reads', async () => !(await two.isKept()))
  await write('two')
  await eventually('it is kept', async () => (await one.get()) === 'two' && one.isKept())
  network.set('well')
  await eventually('both hear', shared)
  expect(await two.get()).toBe('two')
})

it('what could not be deleted is not found any more', async () => {
  const working = new MemoryStore()
  let stuck = false
  const store = new Proxy<CacheStore>(working, {
    get: (target, name: keyof CacheStore) =>
      stuck && name === 'delete'
        ? () => Promise.reject(new Error('away'))
        : target[name].bind(target),
  })
  const { heard, get, isKept } = startProcess({ store })
  await eventually('it is kept', () => isKept())
  stuck = true
  await write('two')
  await heard.delete('a')
  expect(await get()).toBe('two')
  stuck = false
  await eventually('it is kept again', () => isKept())
  expect(await get()).toBe('two')
})

it('asks for a database, and for a channel whose name fits', () => {
  const rules = { name: 'notes', schema: z.string(), ttlMs: 60_000, channel: 'note_changed' }
  expect(() => cachesOver(new MemoryStore()).caches.openHeard(rules)).toThrow(
    'cache notes: shop has no database that says of changes',
  )
  const { caches } = cachesOver(new MemoryStore(), 'shop', () => {}, others)
  for (const channel of ['Note', 'note-changed', 'n'.repeat(53)]) {
    expect(() => caches.openHeard({ ...rules, channel })).toThrow(`"${channel}" is no name of a`)
  }
})
