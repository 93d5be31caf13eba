import { BanyanError } from '@banyan/contracts'
import { type Pool, transaction } from '@banyan/postgres'
import type { ArchiveSeal } from './archive/manifest.ts'
import { append, type NewEntry } from './ledger.ts'
import { checkPhaseChange } from './phase-changes.ts'
import type { ExtractionStatus, HandoverRecord, OldTables, Phase } from './status.ts'

/** What the control plane remembers of an extraction. */
export interface ExtractionRow {
  readonly name: string
  readonly phase: Phase
  readonly paused: boolean
  readonly pausedWhy: string | null
  readonly goal: number
  readonly phaseSince: Date
  /** Rows copied a second at most, by hand; 0 stands still, null leaves it to the plan. */
  readonly copyLimit: number | null
  readonly wanted: readonly Wanted[]
  readonly sequences: readonly SequenceRecord[]
  /** The servers of the two sides; null until an engine has seen them, or when they are to be confirmed anew. */
  readonly servers: ServerRecord | null
  readonly oldTables: OldTablesRecord
  readonly status: ExtractionStatus | null
  readonly revision: number
}

/** Wishes of an operator; `completing`, `cancelling` and `abandoning`: the end has begun and only goes on. */
export type Wanted =
  | 'verify'
  | 'complete'
  | 'cancel'
  | 'drop'
  | 'completing'
  | 'cancelling'
  | 'abandoning'

/** What is kept of the source's tables after the end; empty until they are archived. */
export interface OldTablesRecord extends Partial<Pick<OldTables, 'dropped' | 'refused'>> {
  readonly seal?: ArchiveSeal
  readonly by?: string
  /** How the drop that is wanted is to be done. */
  readonly despiteFunctions?: boolean
}

/** Identities as `serverIdentity` of @banyan/replication tells them. */
export interface ServerRecord {
  readonly source: string
  readonly target: string
}

/** A sequence that draws from one half of its numbers while the extraction runs. */
export interface SequenceRecord {
  readonly side: 'source' | 'target'
  readonly sequence: string
  readonly increment: number
  /** The sequence on the other side that draws from the other half; null when that side has none. */
  readonly counterpart: string | null
}

type Change = Partial<
  Pick<
    ExtractionRow,
    | 'phase'
    | 'paused'
    | 'pausedWhy'
    | 'goal'
    | 'copyLimit'
    | 'wanted'
    | 'sequences'
    | 'servers'
    | 'oldTables'
  >
>

const COLUMNS: Record<keyof Change, string> = {
  phase: 'phase',
  paused: 'paused',
  pausedWhy: 'paused_why',
  goal: 'goal',
  copyLimit: 'copy_limit',
  wanted: 'wanted',
  sequences: 'sequences',
  servers: 'servers',
  oldTables: 'old_tables',
}

/** Rows of the control schema. Every change of an extraction and its ledger entry commit together. */
export class Store {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** Adds the plan's extractions that are not known yet. */
  async declare(names: readonly string[]): Promise<void> {
    await this.#pool.query(
      'INSERT INTO banyan_control.extraction (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING',
      [names],
    )
  }

  async read(name: string): Promise<ExtractionRow> {
    const all = await this.readAll()
    const row = all.find((one) => one.name === name)
    if (!row) {
      throw new BanyanError('NO_SUCH_EXTRACTION', {
        given: name,
        known: all.map((one) => one.name).join(', '),
      })
    }
    return row
  }

  async readAll(): Promise<ExtractionRow[]> {
    const { rows } = await this.#pool.query(
      `SELECT name, phase, paused, paused_why AS "pausedWhy", goal::float8, phase_since AS "phaseSince",
              copy_limit AS "copyLimit", wanted, sequences, servers, old_tables AS "oldTables", status, revision::float8
         FROM banyan_control.extraction ORDER BY name`,
    )
    return rows as ExtractionRow[]
  }

  /**
   * Changes a row if nobody else has since it was read, with its ledger entries.
   *
   * @param token the engine's token, or null for an operator's decision.
   * @returns false when the row was changed meanwhile; the caller reads it again.
   * @throws Error for a phase that does not follow the row's (`PHASE_CHANGES`).
   */
  async change(
    row: ExtractionRow,
    token: bigint | null,
    change: Change,
    entries: readonly NewEntry[],
  ): Promise<boolean> {
    if (change.phase !== undefined) checkPhaseChange(row.phase, change.phase)
    return transaction(this.#pool, async (client) => {
      const lease = await client.query<{ token: string }>(
        'SELECT token FROM banyan_control.lease FOR UPDATE',
      )
      if (token !== null && BigInt(lease.rows[0]!.token) !== token) return false
      const names = Object.keys(change) as (keyof Change)[]
      const sets = names.map((name, i) => `${COLUMNS[name]} = $${i + 3}`)
      if (change.phase !== undefined || change.goal !== undefined)
        sets.push('phase_since = clock_timestamp()')
      const values = names.map((name) =>
        name === 'sequences' ? JSON.stringify(change.sequences) : change[name],
      )
      const { rowCount } = await client.query(
        `UPDATE banyan_control.extraction SET ${[...sets, 'revision = revision + 1'].join(', ')}
          WHERE name = $1 AND revision = $2`,
        [row.name, row.revision, ...values],
      )
      if (rowCount === 0) return false
      if (entries.length > 0) await append(client, row.name, entries)
      await client.query(`SELECT pg_notify('banyan_extraction', $1)`, [row.name])
      return true
    })
  }

  /** Remembers the sequences' own increments before they are changed. */
  async keepSequences(
    name: string,
    token: bigint,
    sequences: readonly SequenceRecord[],
  ): Promise<void> {
    await this.#pool.query(
      `UPDATE banyan_control.extraction SET sequences = $3
        WHERE name = $1 AND $2 = (SELECT token FROM banyan_control.lease)`,
      [name, token.toString(), JSON.stringify(sequences)],
    )
  }

  async keepServers(name: string, token: bigint, servers: ServerRecord): Promise<void> {
    await this.#pool.query(
      `UPDATE banyan_control.extraction SET servers = $3
        WHERE name = $1 AND $2 = (SELECT token FROM banyan_control.lease)`,
      [name, token.toString(), servers],
    )
  }

  /** Keeps the newest figures; not a change of the row, so no revision. */
  async writeStatus(name: string, status: ExtractionStatus): Promise<void> {
    await this.#pool.query('UPDATE banyan_control.extraction SET status = $2 WHERE name = $1', [
      name,
      JSON.stringify(status),
    ])
  }

  async addHandover(extraction: string, record: HandoverRecord): Promise<void> {
    await this.#pool.query(
      'INSERT INTO banyan_control.handover (extraction, record) VALUES ($1, $2)',
      [extraction, JSON.stringify(record)],
    )
  }

  /** Newest last, at most 200. */
  async handovers(extraction: string): Promise<HandoverRecord[]> {
    const { rows } = await this.#pool.query<{ record: HandoverRecord }>(
      'SELECT record FROM banyan_control.handover WHERE extraction = $1 ORDER BY id DESC LIMIT 200',
      [extraction],
    )
    return rows.map((row) => row.record).reverse()
  }
}
