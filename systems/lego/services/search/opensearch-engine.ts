import { Client } from '@opensearch-project/opensearch'
import type {
  Facets,
  FedEngine,
  FeedBatch,
  Filters,
  Hit,
  IndexedDocument,
  Query,
  Refusal,
  SuggestQuery,
} from './engine.ts'
import { INDEX } from './opensearch-index.ts'
import {
  type FacetsAnswer,
  facetsBody,
  readFacets,
  searchBody,
  suggestBody,
} from './opensearch-query.ts'

export interface OpenSearchOptions {
  readonly url: string
  /** What is searched: it stands for one index at a time. */
  readonly alias: string
  /** ms; 5,000 is what a search may take in all. */
  readonly timeoutMs: number
}

interface SearchAnswer<Source> {
  readonly hits: { readonly hits: readonly { readonly _score: number; readonly _source: Source }[] }
  readonly aggregations?: unknown
}

interface BulkItem {
  readonly _id: string
  readonly status: number
  readonly error?: { readonly type: string; readonly reason: string }
}

/** For what is fed, and for work on whole indices, ms: nobody waits for it. */
const FEED_TIMEOUT_MS = 30_000

/** OpenSearch 2 or 3. It is searched through an alias, so that another index can take the place of one. */
export class OpenSearchEngine implements FedEngine {
  readonly name = 'opensearch'
  readonly #client: Client
  readonly #alias: string

  constructor({ url, alias, timeoutMs }: OpenSearchOptions) {
    // Nothing is tried again here: a search has a fallback, the feed tries again itself.
    this.#client = new Client({ node: url, requestTimeout: timeoutMs, maxRetries: 0 })
    this.#alias = alias
  }

  async search(query: Query): Promise<readonly Hit[]> {
    const { hits } = await this.#search<Omit<Hit, 'rank'>>(searchBody(query))
    return hits.hits.map(({ _score: rank, _source: { id, title, description } }) => {
      return { id, title, description, rank }
    })
  }

  async facets(query: Omit<Query, keyof Filters | 'limit' | 'offset'>): Promise<Facets> {
    const { aggregations } = await this.#search(facetsBody(query))
    return readFacets(aggregations as FacetsAnswer)
  }

  async suggest(query: SuggestQuery): Promise<readonly string[]> {
    const { hits } = await this.#search<{ title: string }>(suggestBody(query))
    return hits.hits.map(({ _source: { title } }) => title)
  }

  async health(): Promise<void> {
    await this.#client.cluster.health()
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  /** The index that is searched now; null when there is none. */
  async current(): Promise<string | null> {
    const { body: there } = await this.#client.indices.existsAlias({ name: this.#alias })
    if (!there) return null
    const { body } = await this.#client.indices.getAlias({ name: this.#alias })
    return Object.keys(body)[0] ?? null
  }

  /** Makes an empty index, unless it is there. */
  async create(index: string): Promise<void> {
    const { body: there } = await this.#client.indices.exists({ index })
    if (!there) {
      await this.#client.indices.create({ index, body: INDEX }, { requestTimeout: FEED_TIMEOUT_MS })
    }
  }

  /** Searches go to this index from now on, in one step; the one before it is deleted. */
  async switchTo(index: string): Promise<void> {
    await this.#client.indices.refresh({ index }, { requestTimeout: FEED_TIMEOUT_MS })
    const before = await this.current()
    const actions = [
      ...(before === null ? [] : [{ remove: { index: before, alias: this.#alias } }]),
      { add: { index, alias: this.#alias } },
    ]
    await this.#client.indices.updateAliases({ body: { actions } })
    if (before !== null && before !== index) await this.#client.indices.delete({ index: before })
  }

  /** Makes what was fed visible to searches at once, rather than within a second; for tests. */
  async refresh(): Promise<void> {
    await this.#client.indices.refresh({ index: this.#alias })
  }

  async feed({ index, remove }: FeedBatch, into: string): Promise<readonly Refusal[]> {
    const meta = (one: { type: string; id: string; revision: number }) => ({
      _index: into,
      _id: `${one.type}:${one.id}`,
      version: one.revision,
      // What has a greater one there already is newer: it stays.
      version_type: 'external_gte',
    })
    const operations = [
      ...index.flatMap((one) => [{ index: meta(one) }, sourceOf(one)]),
      ...remove.map((one) => ({ delete: meta(one) })),
    ]
    if (operations.length === 0) return []
    const { body } = await this.#client.bulk(
      { body: operations as never },
      { requestTimeout: FEED_TIMEOUT_MS },
    )
    const items = body.items as unknown as Record<'index' | 'delete', BulkItem>[]
    const refusals: Refusal[] = []
    for (const item of items) {
      const { _id, status, error } = item.index ?? item.delete
      // 409: it has a newer one. 404: it never had what is to go.
      if (status < 300 || status === 409 || status === 404) continue
      // Too much at once, or a shard that is away: a matter of the index, not of the document.
      if (status === 429 || status >= 500) throw new Error(`${_id}: ${status} ${error?.reason}`)
      const [type, ...id] = _id.split(':')
      const reason = error ? `${error.type}: ${error.reason}` : `status ${status}`
      refusals.push({ type: type as Refusal['type'], id: id.join(':'), reason })
    }
    return refusals
  }

  async #search<Source>(body: object): Promise<SearchAnswer<Source>> {
    const answer = await this.#client.search({ index: this.#alias, body })
    return answer.body as unknown as SearchAnswer<Source>
  }
}

function sourceOf(document: IndexedDocument): object {
  const { type, id, ownerId, title, description, tags, theme, author, pieces } = document
  const text = [title, ...tags, ...(description === null ? [] : [description])].join(' ')
  return { type, id, ownerId, title, description, tags, text, theme, author, pieces }
}
