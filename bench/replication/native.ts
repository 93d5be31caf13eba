import type { Pool } from '@banyan/postgres'
import { until } from '../statistics.ts'
import { type Database, EXTRACTION } from './rig.ts'

const NAME = `native_${EXTRACTION}`

/** Publishes tables for PostgreSQL's own logical replication. */
export async function publishNatively(source: Database, tables: readonly string[]): Promise<void> {
  await source.pool.query(`CREATE PUBLICATION ${NAME} FOR TABLE ${tables.join(', ')}`)
}

/** A subscription of PostgreSQL's own, with the defaults of its version. */
export class NativeSubscription {
  readonly #target: Pool
  readonly #from: string

  constructor(source: Database, target: Database) {
    this.#from = source.url
    this.#target = target.pool
  }

  async create(options: { copy: boolean; enabled?: boolean }): Promise<void> {
    // A subscription that is created disabled still makes its slot, at this point of the log.
    await this.#target.query(
      `CREATE SUBSCRIPTION ${NAME} CONNECTION '${this.#from}' PUBLICATION ${NAME}
         WITH (copy_data = ${options.copy}, enabled = ${options.enabled ?? true})`,
    )
  }

  /** Until the copy of every table is done and the table follows the stream. */
  async synchronised(timeoutMs: number): Promise<void> {
    await until(
      'the native initial sync is done',
      async () => {
        const { rows } = await this.#target.query<{ done: boolean }>(
          `SELECT count(*) > 0 AND bool_and(srsubstate = 'r') AS done FROM pg_subscription_rel`,
        )
        return rows[0]!.done
      },
      timeoutMs,
    )
  }

  async enable(): Promise<void> {
    await this.#target.query(`ALTER SUBSCRIPTION ${NAME} ENABLE`)
  }

  /** Resolves when its worker is gone. */
  async disable(): Promise<void> {
    await this.#target.query(`ALTER SUBSCRIPTION ${NAME} DISABLE`)
    await until(
      'the native apply worker is gone',
      async () => {
        const { rowCount } = await this.#target.query(
          'SELECT 1 FROM pg_stat_subscription WHERE pid IS NOT NULL',
        )
        return rowCount === 0
      },
      10_000,
    )
  }

  /** Also its slot on the source. */
  async drop(): Promise<void> {
    await this.#target.query(`DROP SUBSCRIPTION ${NAME}`)
  }
}
