import { type Pool, type PoolClient, transaction } from '@banyan/postgres'
import type { Log } from '@banyan/service'
import { type Recording, recordChanges } from '../documents.ts'
import { Turns } from '../turns.ts'
import { monolithLagMs, strikeOut, takeOverNoted } from './follower.ts'
import { countRows, MONOLITH_TYPES, type MonolithType, rowsAfter } from './rows.ts'

/** Documents in one transaction. */
const BATCH = 1_000

/** How the index stands: what the engine of the move asks for. */
interface BackfillStatus {
  readonly run: string | null
  readonly state: 'none' | 'filling' | 'complete' | 'failed'
  readonly done: number
  readonly total: number
  /** Age of the oldest change of the monolith that is not in here, ms. */
  readonly lagMs: number | null
  readonly reason: string | null
}

interface Open {
  readonly run: string
  /** Empty before its first batch. */
  readonly type: MonolithType | ''
  readonly after_id: string
}

export interface BackfillsOptions {
  readonly own: Pool
  /** Its database; null where it was not told, and nothing can be taken over. */
  readonly monolith: Pool | null
  readonly recording: Recording
  readonly log: Log
}

/**
 * Takes over what stands in the monolith when it is asked to, and follows what changes there, for as long as
 * the monolith owns it. What services own by then they tell by events.
 */
export class Backfills {
  readonly #options: BackfillsOptions
  readonly #work: readonly Turns[]

  constructor(options: BackfillsOptions) {
    const { own, monolith, recording, log } = options
    this.#options = options
    const turns = (what: string, turn: (monolith: Pool) => Promise<boolean>) =>
      monolith
        ? [
            new Turns({
              log,
              failing: `${what}: not now`,
              again: `${what}: again`,
              turn: () => turn(monolith),
            }),
          ]
        : []
    this.#work = [
      ...turns('following the monolith', async (source) => {
        const noted = await transaction(own, async (tx) =>
          (await alone(tx)) ? takeOverNoted(source, tx, recording) : [],
        )
        if (noted.length > 0) await strikeOut(source, noted)
        return noted.length > 0
      }),
      ...turns('taking the monolith over', (source) => this.#fillNext(source)),
    ]
  }

  start(): void {
    for (const work of this.#work) work.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#work.map((work) => work.stop()))
    await this.#options.monolith?.end()
  }

  async status(): Promise<BackfillStatus> {
    const { own, monolith } = this.#options
    const { rows } = await own.query<
      Pick<BackfillStatus, 'state' | 'reason'> & { run: string; done: number; total: number }
    >(
      `SELECT run, state, done::int, total::int, reason FROM search.backfills
        ORDER BY asked_at DESC LIMIT 1`,
    )
    const lagMs = monolith ? await monolithLagMs(monolith).catch(() => null) : null
    const none = { run: null, state: 'none' as const, done: 0, total: 0, reason: null }
    return { ...(rows[0] ?? none), lagMs }
  }

  /** Asks for one by its name: one that is known is not begun again; one that failed goes on. */
  async begin(run: string): Promise<BackfillStatus> {
    const { own, monolith } = this.#options
    await own.query(
      `INSERT INTO search.backfills (run) VALUES ($1)
       ON CONFLICT (run) DO UPDATE SET state = 'filling', reason = NULL
         WHERE backfills.state = 'failed'`,
      [run],
    )
    if (!monolith)
      await this.#fail(run, 'SOURCE_URL is not set: where the monolith is was not told')
    return this.status()
  }

  /** The next batch of the oldest one that is open. @returns whether there may be more */
  async #fillNext(monolith: Pool): Promise<boolean> {
    const { own, recording } = this.#options
    let run: string | undefined
    try {
      return await transaction(own, async (tx) => {
        const { rows } = await tx.query<Open>(
          `SELECT run, type, after_id FROM search.backfills WHERE state = 'filling'
            ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
        )
        const open = rows[0]
        if (!open) return false
        run = open.run
        await fill(tx, monolith, open, recording)
        return true
      })
    } catch (error) {
      if (run !== undefined) await this.#fail(run, String(error))
      throw error
    }
  }

  async #fail(run: string, reason: string): Promise<void> {
    await this.#options.own.query(
      `UPDATE search.backfills SET state = 'failed', reason = $2 WHERE run = $1`,
      [run, reason],
    )
  }
}

/** One batch of rows, and where it stands then. */
async function fill(
  tx: PoolClient,
  monolith: Pool,
  { run, type, after_id }: Open,
  recording: Recording,
): Promise<void> {
  if (type === '') {
    await move(tx, run, MONOLITH_TYPES[0]!, null, 0)
    const total = await countRows(monolith)
    await tx.query('UPDATE search.backfills SET total = $2 WHERE run = $1', [run, total])
    return
  }
  const changes = await rowsAfter(monolith, type, after_id, BATCH)
  if (changes.length > 0) await recordChanges(tx, changes, recording)
  if (changes.length === BATCH) {
    await move(tx, run, type, changes.at(-1)!.id, changes.length)
    return
  }
  const next = MONOLITH_TYPES[MONOLITH_TYPES.indexOf(type) + 1]
  await move(tx, run, next ?? type, null, changes.length)
  if (!next) await tx.query(`UPDATE search.backfills SET state = 'complete' WHERE run = $1`, [run])
}

async function move(
  tx: PoolClient,
  run: string,
  type: MonolithType,
  after: string | null,
  rows: number,
): Promise<void> {
  await tx.query(
    `UPDATE search.backfills
        SET type = $2, after_id = coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'), done = done + $4
      WHERE run = $1`,
    [run, type, after, rows],
  )
}

/** One process follows at a time; another goes on when it is gone. */
async function alone(tx: PoolClient): Promise<boolean> {
  const { rows } = await tx.query<{ mine: boolean }>(
    `SELECT pg_try_advisory_xact_lock(hashtextextended('search follows the monolith', 0)) AS mine`,
  )
  return rows[0]!.mine
}
