import { createServer, type Server, type Socket } from 'node:net'
import { signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import { newServiceKey, startService } from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import moc from '../services/moc/service.ts'
import type { Change } from '../services/search/document.ts'
import { recordChanges } from '../services/search/documents.ts'
import definition from '../services/search/service.ts'
import { send } from '../testing/monolith.ts'

/** Nobody listens there: links are not what this is about. */
const NOWHERE = 'http://127.0.0.1:1'

let server: EmbeddedPostgres
let mocs: Awaited<ReturnType<typeof startMoc>>
let search: Awaited<ReturnType<typeof startSearch>>
let common: Record<string, string>

const startMoc = (env: Record<string, string>) => startService(moc, { env })
const startSearch = (env: Record<string, string>) => startService(definition, { env })
/** On a bus of its own: it hears of nothing. */
const searchOf = async (name: string, mocUrl: string, more: Record<string, string> = {}) =>
  startSearch({
    ...common,
    DATABASE_URL: await server.createDatabase(name),
    BUS_URL: await server.createDatabase(`bus_of_${name}`),
    BANYAN_SERVICE_KEYS: '{"keys":[]}',
    MOC_URL: mocUrl,
    ...more,
  })

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const { privateJwk } = await newServiceKey('moc')
  common = { PORT: '0', LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: IDENTITY_KEY }
  mocs = await startMoc({
    ...common,
    DATABASE_URL: await server.createDatabase('moc'),
    BUS_URL: await server.createDatabase('bus'),
    BANYAN_SIGNING_KEY: JSON.stringify(privateJwk),
    BANYAN_SERVICE_KEYS: '{"keys":[]}',
    GALLERY_URL: NOWHERE,
  })
  // However slow the machine is: what is not said in time is not found.
  search = await searchOf('search', mocs.url, { MOC_TIMEOUT_MS: '30000' })
})
afterAll(async () => {
  await search?.stop()
  await mocs?.stop()
  await server?.stop()
})

const as = (user: string, url: string, method: string, body?: unknown) => {
  const identity = signIdentity({ userId: user, email: null, roles: [] }, IDENTITY_KEY)
  return send(url, method, { 'x-banyan-identity': identity }, body)
}
const change = (user: string, method: string, path: string, body?: unknown) =>
  as(user, `${mocs.url}/v1/mocs${path}`, method, body)
const create = async (user: string, body: object): Promise<string> =>
  (await change(user, 'POST', '', body)).body.id
/** What was done counts as done just now, however long a busy machine took since. */
const asIfJustNow = async (user: string) => {
  const { pool } = mocs.context
  await pool.query('UPDATE moc.mocs SET updated_at = now() WHERE owner_id = $1', [user])
  await pool.query('UPDATE moc.recently_deleted SET deleted_at = now() WHERE owner_id = $1', [user])
}
const askLater = (user: string, query: string, at = search) =>
  as(user, `${at.url}/v1/search${query}`, 'GET')
const ask = async (user: string, query: string, at = search) => {
  await asIfJustNow(user)
  return askLater(user, query, at)
}
const found = async (user: string, query: string, at = search): Promise<string[]> =>
  (await ask(user, query, at)).body.results.map((hit: { id: string }) => hit.id)
/** As events would have told. */
const tell = (change: Omit<Change, 'type'>, at = search) =>
  at.context.transaction(({ client }) =>
    recordChanges(client, [{ type: 'moc', ...change }], { feeds: false }),
  )

describe('a search, before events have told of what its user did', () => {
  it('finds the MOC that the user has created, and nobody else finds it', async () => {
    const text = { title: 'Windmill', description: 'With a miller', tags: ['dutch'] }
    const id = await create('ada', { ...text, theme: 'Creator', author: 'Ada' })
    for (const q of ['windmills', 'miller', 'dutch', 'windmill&theme=Creator&author=Ada']) {
      expect(await found('ada', `?q=${q}`)).toEqual([id])
    }
    expect(await found('ada', '?q=windmill&theme=Castle')).toEqual([])
    expect(await found('ada', '?q=windmill&type=image')).toEqual([])
    expect(await found('eve', '?q=windmill')).toEqual([])
    const { body, headers } = await ask('ada', '?q=windmill&facets=true')
    expect(body.facets).toMatchObject({
      type: [{ value: 'moc', count: 1 }],
      theme: [{ value: 'Creator', count: 1 }],
      pieces: [{ value: 'under-100', count: 1 }],
    })
    expect(headers.get('x-search-degraded')).toBeNull()
  })

  it('ranks it as it will be ranked, and shows it once', async () => {
    const id = await create('rank', { title: 'Lighthouse', description: 'White' })
    const other = crypto.randomUUID()
    const said = { title: 'Harbour', description: 'A lighthouse', tags: [], pieces: 0 }
    await tell({ id: other, version: 1, content: said })
    const before = (await ask('rank', '?q=lighthouse')).body.results
    expect(before.map((hit: { id: string }) => hit.id)).toEqual([id, other])
    const told = { title: 'Lighthouse', description: 'White', tags: [], pieces: 0 }
    await tell({ id, version: Date.now(), content: told })
    expect((await ask('rank', '?q=lighthouse')).body.results).toEqual(before)
    expect(await found('rank', '?q=lighthouse&limit=1&page=2')).toEqual([other])
  })

  it('finds what was changed by its new words alone, and what was deleted not at all', async () => {
    const [kept, gone] = [
      await create('eve', { title: 'Galleon' }),
      await create('eve', { title: 'Galleon' }),
    ]
    for (const id of [kept, gone]) {
      await tell({ id, version: 1, content: { title: 'Galleon', tags: [] } })
    }
    await change('eve', 'PATCH', `/${kept}`, { title: 'Caravel' })
    await change('eve', 'DELETE', `/${gone}`)
    expect(await found('eve', '?q=galleon')).toEqual([])
    expect(await found('eve', '?q=caravel')).toEqual([kept])
    // Others see what events told, until they tell more.
    expect((await found('ada', '?q=galleon')).sort()).toEqual([kept, gone].sort())
  })

  it('counts the pieces that a parts list has just added', async () => {
    const id = await create('parts', { title: 'Crane' })
    const form = new FormData()
    form.set('file', new Blob(['Part,Color,Quantity\n3001,4,600\n']), 'a.csv')
    await change('parts', 'POST', `/${id}/parts-lists`, form)
    expect(await found('parts', '?q=crane&pieces=500-999')).toEqual([id])
  })

  it('goes by events again 10 s later', async () => {
    const id = await create('late', { title: 'Sawmill' })
    await mocs.context.pool.query(
      `UPDATE moc.mocs SET updated_at = now() - interval '11 seconds' WHERE id = $1`,
      [id],
    )
    expect((await askLater('late', '?q=sawmill')).body.results).toEqual([])
  })

  it('believes events where those know more than the rows of a service that follows', async () => {
    const [renamed, gone] = [
      await create('move', { title: 'Viaduct' }),
      await create('move', { title: 'Viaduct' }),
    ]
    const version = Date.now() + 60_000
    await tell({ id: renamed, version, content: { title: 'Aqueduct', tags: [] } })
    await tell({ id: gone, version, content: 'gone' })
    expect(await found('move', '?q=viaduct')).toEqual([])
    expect(await found('move', '?q=aqueduct')).toEqual([renamed])
  })

  it('sees the hundred MOCs that were changed last', async () => {
    await mocs.context.pool.query(`INSERT INTO moc.mocs (owner_id, title, updated_at)
      SELECT 'many', 'Pebble', now() - n * interval '1 ms' FROM generate_series(1, 150) AS n`)
    expect(await found('many', '?q=pebble&limit=100')).toHaveLength(100)
    expect(await found('many', '?q=pebble&limit=100&page=2')).toEqual([])
  })
})

describe('a search is answered by what events told, where MOC management', () => {
  const known = crypto.randomUUID()
  const finds = async (at: typeof search) => {
    await tell({ id: known, version: 1, content: { title: 'Drawbridge', tags: [] } }, at)
    const { status, body, headers } = await ask('ada', '?q=drawbridge', at)
    expect(status).toBe(200)
    expect(body.results.map((hit: { id: string }) => hit.id)).toEqual([known])
    expect(headers.get('x-search-degraded')).toBeNull()
  }

  it('is not there, and soon is not even asked', async () => {
    const alone = await searchOf('alone', NOWHERE)
    // As many as its circuit needs to open, and more.
    for (let i = 0; i < 12; i++) await finds(alone)
    expect(alone.context.clients.moc?.circuit).toBe('open')
    await alone.stop()
  })

  it('hangs', async () => {
    const { url, close } = await startSilent()
    const waiting = await searchOf('waiting', url)
    await finds(waiting)
    await waiting.stop()
    await close()
  })

  it('answers what it should not', async () => {
    // That of Search itself: it knows no such route.
    const confused = await searchOf('confused', search.url)
    await finds(confused)
    await confused.stop()
  })
})

/** Takes connections, and says nothing. */
async function startSilent(): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const silent: Server = createServer((socket) => sockets.add(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        silent.close(() => resolve())
      }),
  }
}
