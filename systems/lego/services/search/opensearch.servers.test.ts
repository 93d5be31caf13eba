import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signIdentity } from '@banyan/contracts'
import {
  ask,
  eventually,
  IDENTITY_KEY,
  type ServiceUnderTest,
  startForTest,
} from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../../testing/monolith.ts'
import type { SearchConfig } from './config.ts'
import type { Change } from './document.ts'
import { recordChanges } from './documents.ts'
import { conforms } from './engine-conformance.ts'
import { OpenSearchEngine } from './opensearch-engine.ts'
import { listReindexes, startReindex } from './reindex.ts'
import definition from './service.ts'

const URL = process.env.BANYAN_OPENSEARCH_URL
if (!URL) throw new Error('BANYAN_OPENSEARCH_URL is not set: run npm run test:servers')

/** Stands before the server: away when it is told to be, as a machine that is lost. */
class Door {
  readonly #server: Server
  #state: 'open' | 'refuses' | 'hangs' = 'open'

  constructor() {
    this.#server = createServer(async (incoming, answer) => {
      if (this.#state === 'hangs') return
      if (this.#state === 'refuses') {
        incoming.socket.destroy()
        return
      }
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const { 'content-type': type = 'application/json' } = incoming.headers
      const passed = await fetch(`${URL}${incoming.url}`, {
        method: incoming.method!,
        headers: { 'content-type': type },
        ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
      })
      answer.writeHead(passed.status, {
        'content-type': passed.headers.get('content-type') ?? type,
      })
      answer.end(Buffer.from(await passed.arrayBuffer()))
    })
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  is(state: 'open' | 'refuses' | 'hangs'): void {
    this.#state = state
    this.#server.closeAllConnections()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

describe('OpenSearch', () => {
  const alias = `test-${Date.now().toString(36)}`
  const door = new Door()
  let service: ServiceUnderTest<SearchConfig, Record<never, never>>
  let direct: OpenSearchEngine
  beforeAll(async () => {
    direct = new OpenSearchEngine({ url: URL, alias, timeoutMs: 5_000 })
    service = await startForTest(definition, {
      OPENSEARCH_URL: await door.open(),
      OPENSEARCH_INDEX: alias,
      OPENSEARCH_TIMEOUT_MS: '1000',
      BANYAN_SERVICE_KEYS: '{"keys":[]}',
    })
    await eventually('there is an index', () => direct.current(), 60_000)
  })
  afterAll(async () => {
    await service?.stop()
    await door.close()
    await fetch(`${URL}/${alias}-*`, { method: 'DELETE' })
    await direct.close()
  })

  const record = (changes: readonly Change[]) =>
    service.context.transaction(({ client }) => recordChanges(client, changes, { feeds: true }))
  const pending = async () => {
    const { rows } = await service.context.pool.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM search.feed',
    )
    return rows[0]!.count
  }
  const fed = async () => {
    await eventually('everything is fed', async () => (await pending()) === 0, 60_000)
    await direct.refresh()
  }
  const search = (path: string) => {
    const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, IDENTITY_KEY)
    return send(`${service.url}/v1/search${path}`, 'GET', { 'x-banyan-identity': identity })
  }
  const idsOf = ({ body }: Awaited<ReturnType<typeof search>>): string[] =>
    body.results.map((hit: { id: string }) => hit.id).sort()

  conforms('OpenSearch', () => ({
    engine: direct,
    async record(changes) {
      await record(changes)
      await fed()
    },
  }))

  it('answers searches of the service, and says so', async () => {
    await record([{ type: 'moc', id: 'k1', version: 1, content: { title: 'Kraken' } }])
    await fed()
    const answer = await search('?q=kraken&facets=true')
    expect(idsOf(answer)).toEqual(['k1'])
    expect(answer.headers.get('x-search-engine')).toBe('opensearch')
    expect(answer.headers.get('x-search-degraded')).toBeNull()
    expect((await search('/suggest?q=krak')).body.suggestions).toEqual(['Kraken'])
  })

  it.each(['refuses', 'hangs'] as const)(
    'loses nothing while it %s: the database answers, and it is told later',
    async (how) => {
      door.is(how)
      const id = `away-${how}`
      await record([{ type: 'moc', id, version: 1, content: { title: `Leviathan ${how}` } }])
      const answer = await search('?q=leviathan')
      expect(answer.status).toBe(200)
      expect(idsOf(answer)).toContain(id)
      expect(answer.headers.get('x-search-engine')).toBe('postgres')
      expect(answer.headers.get('x-search-degraded')).toBe('true')
      // Enough to open the circuit, and together: one after the other, each waiting for a second, they were as long as what it
      // looks back on. From then on nobody waits for it.
      await Promise.all(Array.from({ length: 10 }, () => search('?q=leviathan')))
      const { text } = await ask(`${service.url}/metrics`)
      expect(text).toMatch(/search_circuit_open\{[^}]*\} 1/)
      expect(text).toMatch(/search_index_pending_documents\{[^}]*\} [1-9]/)
      door.is('open')
      await fed()
      const hits = await direct.search({
        text: 'leviathan',
        type: 'moc',
        viewer: 'ada',
        limit: 20,
        offset: 0,
      })
      expect(hits.map((hit) => hit.id)).toContain(id)
      await eventually('it is asked again', async () => {
        return (await search('?q=leviathan')).headers.get('x-search-engine') === 'opensearch'
      })
    },
  )

  it('is rebuilt while documents change, without a search that misses one', async () => {
    const all = Array.from({ length: 3_000 }, (_, i): Change => {
      return { type: 'image', id: `r${i}`, version: 1, content: { title: `Rebuilt ${i}` } }
    })
    for (let at = 0; at < all.length; at += 500) await record(all.slice(at, at + 500))
    await fed()
    const before = await direct.current()
    await startReindex(service.context.pool, 'opensearch')
    // Changed, deleted and new ones, in front of the copy and behind it, until searches see the new index.
    let version = 1
    const missed: number[] = []
    let done = false
    while (!done) {
      version++
      const at = (version * 397) % all.length
      await record([
        { type: 'image', id: `r${at}`, version, content: { title: `Renewed ${version}` } },
        { type: 'image', id: `r${(at + 1) % all.length}`, version, content: 'gone' },
        {
          type: 'image',
          id: `s${version}`,
          version,
          content: { title: `Rebuilt late ${version}` },
        },
      ])
      const { body } = await search('?q=kraken')
      if (body.results.length !== 1) missed.push(version)
      const newest = (await listReindexes(service.context.pool))[0]!
      done = newest.finishedAt !== null
    }
    expect(missed).toEqual([])
    expect(await direct.current()).not.toBe(before)
    await fed()
    const { rows } = await service.context.pool.query<{ id: string; title: string }>(
      `SELECT id, title FROM search.documents WHERE type = 'image' AND visible ORDER BY id`,
    )
    const kept: { id: string; title: string }[] = []
    for (const text of ['rebuilt', 'renewed']) {
      for (let offset = 0; ; offset += 1_000) {
        const query = { text, type: 'image', viewer: 'ada', limit: 1_000, offset } as const
        const page = await direct.search(query)
        kept.push(...page.map(({ id, title }) => ({ id, title })))
        if (page.length < 1_000) break
      }
    }
    const ours = rows.filter(({ id }) => /^[rs]\d/.test(id))
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
    expect(kept.sort(byId)).toEqual(ours.sort(byId))
  })
})
