import type { Queryable } from '@banyan/postgres'
import type { ServiceContext } from '@banyan/service'
import type { z } from 'zod'
import { SearchQueryExecuted } from './events.ts'
import type { QueryReport, ReportQuery } from './messages.ts'

export type ExecutedQuery = z.input<typeof SearchQueryExecuted.payload>

/** Between two writings, ms: a search waits for none of them. */
const PAUSE_MS = 1_000
/** Kept in memory at most; what comes beyond is counted as dropped. */
const MOST_KEPT = 2_000

/** Writes down what was searched for: counts for administrators, and an event for whoever listens. */
export class QueryLog {
  readonly #context: Pick<ServiceContext<object, Record<never, never>>, 'transaction' | 'log'>
  readonly #dropped: { inc(): void }
  #kept: ExecutedQuery[] = []
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> = Promise.resolve()

  constructor(
    context: Pick<ServiceContext<object, Record<never, never>>, 'transaction' | 'log' | 'metrics'>,
  ) {
    this.#context = context
    this.#dropped = context.metrics.counter(
      'search_queries_unrecorded_total',
      'Searches that no statistics know of, because the database was away for too long',
    )
  }

  note(query: ExecutedQuery): void {
    if (this.#kept.length >= MOST_KEPT) {
      this.#dropped.inc()
      return
    }
    this.#kept.push({ ...query, query: query.query.toLowerCase().replace(/\s+/g, ' ') })
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#writing = this.#write()
    }, PAUSE_MS)
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
  }

  async #write(): Promise<void> {
    const queries = this.#kept.splice(0)
    if (queries.length === 0) return
    try {
      await this.#context.transaction(async ({ client, publishAll }) => {
        await count(client, queries)
        // A key is at most 255 characters; a wording 200.
        await publishAll(
          queries.map((query) => ({ event: SearchQueryExecuted.of(query), key: query.query })),
        )
      })
    } catch (error) {
      this.#context.log.warn({ reason: String(error) }, 'searches are written down later')
      this.#kept.unshift(...queries.slice(0, MOST_KEPT - this.#kept.length))
    }
  }
}

async function count(tx: Queryable, queries: readonly ExecutedQuery[]): Promise<void> {
  const rows = queries.map(({ type, query, results, page, executedAt }) => ({
    day: executedAt.slice(0, 10),
    type,
    query,
    // The end of many pages is not a search that found nothing.
    nothing: results === 0 && page === 1 ? 1 : 0,
  }))
  await tx.query(
    `INSERT INTO search.queries AS q (day, type, query, asked, found_nothing)
     SELECT day, type, query, count(*), sum(nothing)
       FROM jsonb_to_recordset($1::jsonb) AS r (day date, type text, query text, nothing int)
      GROUP BY day, type, query ORDER BY day, type, query
     ON CONFLICT (day, type, query) DO UPDATE
        SET asked = q.asked + excluded.asked, found_nothing = q.found_nothing + excluded.found_nothing`,
    [JSON.stringify(rows)],
  )
}

/** What was asked most in the last days, or what was asked most and found nothing. */
export async function reportQueries(
  db: Queryable,
  of: 'popular' | 'without-results',
  { days, limit }: ReportQuery,
): Promise<QueryReport> {
  const figure = of === 'popular' ? 'sum(asked)' : 'sum(found_nothing)'
  const { rows } = await db.query<QueryReport['queries'][number]>(
    `SELECT query, type, sum(asked)::int AS asked, sum(found_nothing)::int AS "foundNothing"
       FROM search.queries WHERE day > (now() AT TIME ZONE 'utc')::date - $1::int
      GROUP BY query, type HAVING ${figure} > 0
      ORDER BY ${figure} DESC, query, type LIMIT $2`,
    [days, limit],
  )
  return { queries: rows }
}
