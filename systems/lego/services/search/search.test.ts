import { fileURLToPath } from 'node:url'
import { checkRecorded, EventRegistry } from '@banyan/bus'
import { signIdentity } from '@banyan/contracts'
import { defineService, type RunningService, startService } from '@banyan/service'
import {
  ask,
  eventually,
  IDENTITY_KEY,
  type ServiceUnderTest,
  startForTest,
} from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../../testing/monolith.ts'
import {
  galleryEvents,
  ImageDeleted,
  ImageFlagged,
  ImageUpdated,
  ImageUploaded,
} from '../gallery/events.ts'
import { MocCreated, MocDeleted, MocUpdated, mocEvents, PartsListUpdated } from '../moc/events.ts'
import {
  WishlistItemCreated,
  WishlistItemDeleted,
  WishlistItemUpdated,
  wishlistEvents,
} from '../wishlist/events.ts'
import type { SearchConfig } from './config.ts'
import type { Change } from './document.ts'
import { recordChanges } from './documents.ts'
import { conforms } from './engine-conformance.ts'
import { SearchQueryExecuted, searchEvents } from './events.ts'
import { PostgresEngine } from './postgres-engine.ts'
import { listReindexes, rewriteVectors } from './reindex.ts'
import definition from './service.ts'
import { importSets } from './sets/catalogue.ts'

const SETS = fileURLToPath(new URL('fixtures', import.meta.url))

/** Says what other services say. */
const teller = defineService({
  name: 'teller',
  port: 0,
  title: 'Teller',
  database: { tables: {}, migrations: new URL('../../tests/no-migrations', import.meta.url) },
  routes: {},
  events: [...wishlistEvents, ...galleryEvents, ...mocEvents],
})

let service: ServiceUnderTest<SearchConfig, Record<never, never>>
let others: RunningService<object, Record<never, never>>
beforeAll(async () => {
  service = await startForTest(definition, { BANYAN_SERVICE_KEYS: '{"keys":[]}' })
  others = await startService(teller, {
    env: {
      PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: await service.server.createDatabase('teller'),
      BUS_URL: service.context.config.BUS_URL!,
      BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    },
  })
  // What is said before it listens is not for it.
  await eventually('it listens', async () => {
    const { body } = await ask(`${service.url}/health/ready`)
    return (body as { checks: { ok: boolean }[] }).checks.every(({ ok }) => ok)
  })
})
afterAll(async () => {
  await others?.stop()
  await service?.stop()
})

const get = (path: string, user = 'ada', roles: string[] = []) => {
  const identity = signIdentity({ userId: user, email: null, roles }, IDENTITY_KEY)
  return send(`${service.url}/v1/search${path}`, 'GET', { 'x-banyan-identity': identity })
}
const found = async (path: string, user = 'ada'): Promise<string[]> =>
  (await get(path, user)).body.results.map((hit: { id: string }) => hit.id)
const record = (changes: readonly Change[]) =>
  service.context.transaction(({ client }) => recordChanges(client, changes, { feeds: false }))

conforms('PostgreSQL', () => ({
  engine: new PostgresEngine(service.context.pool),
  record: async (changes) => {
    await record(changes)
  },
}))

describe('the Search Service', () => {
  const item = (id: string, title: string) => ({
    id,
    title,
    description: null,
    productLink: null,
    imageUrl: null,
    category: 'Space' as const,
    sortOrder: 0,
    quantity: 1,
    price: null,
    isAcquired: false,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
  })

  it('finds what events tell of a wishlist, for its owner alone', async () => {
    const id = crypto.randomUUID()
    const tell = (event: Parameters<typeof others.context.publish>[0]) =>
      others.context.publish(event, { key: 'eve' })
    await tell(WishlistItemCreated.of({ ownerId: 'eve', item: item(id, 'Moonbase') }))
    const search = (word: string, user = 'eve') => found(`?type=wishlist&q=${word}`, user)
    await eventually('it is found', async () => (await search('moonbase')).length === 1)
    expect(await search('moonbase', 'ada')).toEqual([])
    await tell(WishlistItemUpdated.of({ ownerId: 'eve', item: item(id, 'Starbase') }))
    await eventually('it is renamed', async () => (await search('starbase')).length === 1)
    expect(await search('moonbase')).toEqual([])
    await tell(WishlistItemDeleted.of({ ownerId: 'eve', itemId: id }))
    await eventually('it is gone', async () => (await search('starbase')).length === 0)
  })

  it('finds MOCs by what events tell of them, and by the pieces their parts lists add up to', async () => {
    const mocId = crypto.randomUUID()
    const ownerId = 'ada'
    const moc = (title: string) => ({
      ...item(mocId, title),
      userId: ownerId,
      author: 'Ada',
      theme: 'Space',
      tags: [],
      thumbnailUrl: null,
      status: 'draft' as const,
      totalPieceCount: 0,
      galleryImageIds: [],
      galleryAlbumIds: [],
    })
    const tell = (event: Parameters<typeof others.context.publish>[0]) =>
      others.context.publish(event, { key: ownerId })
    const finds = (path: string, count: number) =>
      eventually(`${count} of ${path}`, async () => (await found(path)).length === count)
    await tell(MocCreated.of({ ownerId, mocId, moc: moc('Galleon') }))
    await finds('?q=galleon&author=Ada&theme=Space&pieces=under-100', 1)
    const lists = {
      partsListId: crypto.randomUUID(),
      change: 'added',
      totalPieceCount: 700,
    } as const
    await tell(PartsListUpdated.of({ ownerId, mocId, ...lists }))
    await finds('?q=galleon&pieces=500-999', 1)
    await tell(MocUpdated.of({ ownerId, mocId, moc: moc('Caravel'), changed: ['title'] }))
    await finds('?q=caravel', 1)
    await tell(MocDeleted.of({ ownerId, mocId }))
    await finds('?q=caravel', 0)
  })

  it('rewrites what documents are found by, while they change', async () => {
    const { pool } = service.context
    await importSets(SETS, pool, { feeds: false })
    await pool.query(`UPDATE search.documents SET vector = '' WHERE type = 'set'`)
    expect(await found('?type=set&q=falcon')).toEqual([])
    const rewriting = rewriteVectors(pool)
    for (let version = 2_000; version < 2_020; version++) {
      await record([{ type: 'moc', id: 'busy', version, content: { title: `Busy ${version}` } }])
    }
    expect(await rewriting).toBeGreaterThan(20)
    expect((await found('?type=set&q=falcon')).length).toBe(2)
    expect((await get('?q=busy')).body.results[0].title).toBe('Busy 2019')
    expect((await listReindexes(pool))[0]).toMatchObject({ engine: 'postgres' })
  })

  it('lets only services ask for a reindex', async () => {
    const identity = signIdentity({ userId: 'ada', email: null, roles: ['admin'] }, IDENTITY_KEY)
    const path = `${service.url}/internal/v1/search/reindexes`
    const asked = await send(
      path,
      'POST',
      { 'x-banyan-identity': identity },
      { engine: 'postgres' },
    )
    expect(asked.status).toBe(401)
  })

  it('finds images until they are flagged or deleted', async () => {
    const imageId = crypto.randomUUID()
    const image = (title: string, flagged = false) => ({
      ...item(imageId, title),
      userId: 'ada',
      albumId: null,
      tags: ['night'],
      imageUrl: 'https://img.example.org/a.png',
      thumbnailUrl: null,
      flagged,
    })
    const ownerId = 'ada'
    const tell = (event: Parameters<typeof others.context.publish>[0]) =>
      others.context.publish(event, { key: ownerId })
    const finds = (word: string, count: number) =>
      eventually(`${count} of ${word}`, async () => {
        return (await found(`?type=image&q=${word}`)).length === count
      })
    await tell(ImageUploaded.of({ ownerId, imageId, image: image('Lighthouse') }))
    await finds('lighthouse', 1)
    await tell(ImageFlagged.of({ ownerId, imageId, reason: 'no' }))
    await finds('lighthouse', 0)
    await tell(ImageUpdated.of({ ownerId, imageId, image: image('Beacon') }))
    await finds('beacon', 1)
    await tell(ImageDeleted.of({ ownerId, imageId }))
    await finds('beacon', 0)
  })

  it('keeps gone what is gone, also when that is told first', async () => {
    const id = crypto.randomUUID()
    const said = { title: 'Overtaken', ownerId: 'ada' }
    await record([{ type: 'moc', id, version: 20, content: 'gone' }])
    await record([{ type: 'moc', id, version: 10, content: said }])
    await record([{ type: 'moc', id, version: 30, content: said }])
    expect(await found('?q=overtaken')).toEqual([])
    const { rows } = await service.context.pool.query(
      'SELECT title, owner_id FROM search.documents WHERE id = $1',
      [id],
    )
    expect(rows).toEqual([{ title: null, owner_id: null }])
  })

  it('takes over changes of many at once, in any order, without deadlock', async () => {
    const all = Array.from({ length: 40 }, (_, i): Change => {
      return { type: 'moc', id: `c${i % 10}`, version: i, content: { title: `Crowd ${i}` } }
    })
    await Promise.all([all, all.toReversed(), all.toSorted(() => -1)].map((some) => record(some)))
    const { body } = await get('?q=crowd')
    const titles = body.results.map((hit: { title: string }) => hit.title).sort()
    expect(titles).toEqual(Array.from({ length: 10 }, (_, i) => `Crowd ${30 + i}`).sort())
  })

  it('reads the document that an event is about, and not all of them', async () => {
    const client = await service.context.pool.connect()
    const scans = async () => {
      const { rows } = await client.query<{ seq_scan: string }>(
        `SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'search.documents'::regclass`,
      )
      return Number(rows[0]!.seq_scan)
    }
    try {
      await client.query('BEGIN')
      await client.query(`INSERT INTO search.documents (type, id)
        SELECT 'moc', gen_random_uuid()::text FROM generate_series(1, 3000)`)
      await client.query('ANALYZE search.documents')
      const before = await scans()
      const content = { ownerId: 'ada', title: 'One of many', description: null, tags: [] }
      const change: Change = { type: 'moc', id: 'one-of-many', version: 1, content }
      expect(await recordChanges(client, [change], { feeds: false })).toBe(1)
      expect(await scans()).toBe(before)
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  })

  it('imports the sets of a catalogue, and hides those that are in it no more', async () => {
    const pool = service.context.pool
    await record([{ type: 'set', id: '1-1', version: 1, content: { title: 'Falcon of old' } }])
    expect(await importSets(SETS, pool, { feeds: false })).toMatchObject({ sets: 20, gone: 1 })
    expect((await found('?type=set&q=falcon')).sort()).toEqual(['10179-1', '75192-1'])
    expect(await found('?type=set&q=75192')).toEqual(['75192-1'])
    const { body } = await get('?type=set&q=falcon&facets=true')
    expect(body.facets.theme).toEqual([{ value: 'Star Wars', count: 2 }])
    expect((await get('/suggest?q=milenium')).body.suggestions).toEqual(['Millennium Falcon'])
    expect(await importSets(SETS, pool, { feeds: false })).toEqual({
      sets: 20,
      changed: 0,
      gone: 0,
    })
  })

  it('suggests titles that begin so, then others that are like it, as many as are asked for', async () => {
    const titles = ['Quoka', 'Red quokka', 'Quokkas den', 'quokka House', 'Quokka house', 'Q_okka']
    await record(
      titles.map((title): Change => {
        return { type: 'moc', id: title, version: 1, content: { title } }
      }),
    )
    const suggested = async (limit: number, text = 'quokka') =>
      (await get(`/suggest?q=${text}&limit=${limit}`)).body.suggestions
    const all = ['Quokka house', 'Quokkas den', 'Red quokka', 'Quoka']
    for (const limit of [1, 2, 3, 4]) expect(await suggested(limit)).toEqual(all.slice(0, limit))
    expect(await suggested(20, 'q_')).toEqual(['Q_okka'])
    expect((await suggested(20, 'q_o'))[0]).toBe('Q_okka')
  })

  it('says what is asked for, and shows it to administrators', async () => {
    const heard = await service.hear(SearchQueryExecuted)
    const asked = ['?q=Zeppelin', '?q=zeppelin%20', '?q=crowd', '?type=wishlist&q=secret']
    for (const path of asked) await get(path)
    const told = (query: string) => heard.filter(({ payload }) => payload.query === query).length
    await eventually('all are told', () => told('zeppelin') === 2 && told('crowd') > 0)
    const without = await get('/queries/without-results', 'root', ['admin'])
    expect(without.body.queries).toContainEqual({
      query: 'zeppelin',
      type: 'moc',
      asked: 2,
      foundNothing: 2,
    })
    const { body } = await get('/queries/popular?limit=100', 'root', ['admin'])
    const queries = body.queries.map(({ query }: { query: string }) => query)
    expect(queries).toContain('crowd')
    // What somebody looks for in their own wishlist is theirs.
    expect(queries).not.toContain('secret')
    expect((await get('/queries/popular')).status).toBe(403)
  })

  it('says what was recorded, or what is compatible', () => {
    const folder = fileURLToPath(new URL('events', import.meta.url))
    expect(checkRecorded(new EventRegistry(searchEvents), folder)).toEqual([])
  })

  it('says who answered', async () => {
    const { headers } = await get('?q=crowd')
    expect(headers.get('x-search-engine')).toBe('postgres')
    expect(headers.get('x-search-degraded')).toBeNull()
  })
})
