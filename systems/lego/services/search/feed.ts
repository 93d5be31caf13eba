import { type Pool, type PoolClient, type Queryable, transaction } from '@banyan/postgres'
import type { Log, Metrics } from '@banyan/service'
import type { DocumentType } from './document.ts'
import { batchOf, DOCUMENT, type DocumentRow } from './document-row.ts'
import type { FedEngine } from './engine.ts'
import { copyNext, finishReindex, openReindex, startReindex } from './reindex.ts'
import { Turns } from './turns.ts'

/** Documents in one request to the engine. */
const BATCH = 500
/** A document that the engine refuses is tried so often, a minute apart; then it stays for somebody to look at. */
const MOST_ATTEMPTS = 5

/**
 * Tells an engine what changed. What it has not got yet is a row, so nothing is lost while it is away; one
 * process at a time feeds, so an index sees changes in their order.
 */
export class Feed {
  readonly #pool: Pool
  readonly #engine: FedEngine
  readonly #alias: string
  readonly #log: Log
  readonly #turns: Turns

  constructor(
    engine: FedEngine,
    alias: string,
    { pool, log, metrics }: { readonly pool: Pool; readonly log: Log; readonly metrics: Metrics },
  ) {
    this.#pool = pool
    this.#engine = engine
    this.#alias = alias
    this.#log = log
    this.#turns = new Turns({
      log,
      failing: 'the search engine is not being fed',
      again: 'the search engine is being fed again',
      turn: () => this.#turn(),
    })
    const figure = (name: string, help: string, value: string) =>
      metrics.gauge(name, help, async () => {
        const { rows } = await pool.query<{ value: number }>(`SELECT ${value} FROM search.feed`)
        return rows
      })
    figure(
      'search_index_pending_documents',
      'Changed, and not in the search engine yet',
      'count(*)::int AS value',
    )
    figure(
      'search_index_lag_seconds',
      'Age of the oldest of them',
      'coalesce(extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8 AS value',
    )
    figure(
      'search_index_refused_documents',
      'Refused by the search engine, and not tried again',
      `count(*) FILTER (WHERE attempts >= ${MOST_ATTEMPTS})::int AS value`,
    )
  }

  start(): void {
    this.#turns.start()
  }

  async stop(): Promise<void> {
    await this.#turns.stop()
    await this.#engine.close()
  }

  /** One batch, and one of a reindex under way. @returns whether there may be more */
  async #turn(): Promise<boolean> {
    return transaction(this.#pool, async (tx) => {
      // Held to the end of the turn: another process feeds when this one is gone.
      const { rows } = await tx.query<{ mine: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('search feed', 0)) AS mine`,
      )
      if (!rows[0]!.mine) return false
      const current = await this.#engine.current()
      if (current === null) await startReindex(this.#pool, 'opensearch')
      const reindex = await openReindex(this.#pool, this.#alias, current)
      if (reindex) await this.#engine.create(reindex.target)
      // A change is in both before a copy goes on: what is copied is never older than what is there.
      const targets = [current, reindex?.target].filter((one) => typeof one === 'string')
      const fed = await this.#feedChanges(tx, targets)
      if (!reindex) return fed
      const copied = await copyNext(this.#pool, reindex, BATCH, (batch) =>
        this.#engine.feed(batch, reindex.target).then(() => undefined),
      )
      if (copied) return true
      await this.#engine.switchTo(reindex.target)
      await finishReindex(this.#pool, reindex)
      this.#log.info(
        { index: reindex.target, documents: reindex.copied },
        'searches see a new index',
      )
      return true
    })
  }

  async #feedChanges(tx: PoolClient, targets: readonly string[]): Promise<boolean> {
    // Without an index there is nothing to tell: the first one is copied from the table.
    if (targets.length === 0) return false
    const { rows } = await tx.query<FeedRow>(
      `SELECT f.type, f.id, f.revision AS fed_revision, ${DOCUMENT}
         FROM search.feed AS f JOIN search.documents AS d USING (type, id)
        WHERE f.due_at <= now() AND f.attempts < $1
        ORDER BY f.due_at, f.revision LIMIT $2`,
      [MOST_ATTEMPTS, BATCH],
    )
    if (rows.length === 0) return false
    const batch = batchOf(rows)
    const refused = new Map<string, string>()
    for (const target of targets) {
      for (const { type, id, reason } of await this.#engine.feed(batch, target)) {
        refused.set(`${type} ${id}`, reason)
      }
    }
    const sent = rows.map(({ type, id, revision }) => {
      const problem = refused.get(`${type} ${id}`) ?? null
      return { type, id, revision: Number(revision), problem }
    })
    await settle(this.#pool, sent)
    for (const [document, reason] of refused) {
      this.#log.error({ document, reason }, 'the search engine refuses a document')
    }
    return rows.length === BATCH
  }
}

interface FeedRow extends DocumentRow {
  readonly fed_revision: string
}

interface Sent {
  readonly type: DocumentType
  readonly id: string
  readonly revision: number
  readonly problem: string | null
}

/** Forgets what is through; a document that changed meanwhile stays, and waits since now. */
async function settle(db: Queryable, sent: readonly Sent[]): Promise<void> {
  const given = `jsonb_to_recordset($1::jsonb) AS s (type text, id text, revision bigint, problem text)`
  const rows = JSON.stringify(sent)
  await db.query(
    `DELETE FROM search.feed AS f USING ${given}
      WHERE f.type = s.type AND f.id = s.id AND f.revision <= s.revision AND s.problem IS NULL`,
    [rows],
  )
  await db.query(
    `UPDATE search.feed AS f
        SET attempts = f.attempts + 1, problem = s.problem, due_at = now() + interval '1 minute'
       FROM ${given}
      WHERE f.type = s.type AND f.id = s.id AND f.revision <= s.revision AND s.problem IS NOT NULL`,
    [rows],
  )
}
