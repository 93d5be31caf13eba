import { BanyanError } from '@banyan/contracts'
import { type PoolClient, transaction } from '@banyan/postgres'
import { lockKeys } from './inbox.ts'
import { abandonSaga, redriveSaga } from './saga/dead-letter.ts'
import { redriveJob } from './schedule/dead-letter.ts'
import type { Tables } from './tables.ts'
import { wakeSql } from './waker.ts'

/** What a dead letter was before. */
export type DeadLetterKind = 'event' | 'outgoing' | 'saga' | 'schedule'

/** Work that failed as often as it may, kept until somebody redrives or discards it. */
export interface DeadLetter {
  readonly id: string
  readonly kind: DeadLetterKind
  /** The consumer, saga or schedule whose work it is; `outbox` for a message that was never sent. */
  readonly source: string
  /** Type of the message, or name of the step. */
  readonly subject: string
  readonly key: string
  /** All that a redrive needs. */
  readonly body: unknown
  readonly error: string
  readonly attempts: number
  readonly diedAt: Date
}

export interface DeadLetterFilter {
  readonly kind?: DeadLetterKind
  readonly source?: string
  /** Only those with a higher id: the last one of the page before. */
  readonly after?: string
  /** 50 by default, 1,000 at most. */
  readonly limit?: number
}

/** Puts the work back as if it had never been tried; in the transaction that deletes the letter. */
type Redrive = (tx: PoolClient, tables: Tables, letter: DeadLetter) => Promise<void>

const REDRIVES: Record<DeadLetterKind, Redrive> = {
  event: redriveEvent,
  outgoing: redriveOutgoing,
  saga: redriveSaga,
  schedule: redriveJob,
}

const COLUMNS = 'id, kind, source, subject, key, body, error, attempts, died_at AS "diedAt"'

export class DeadLetters {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** The oldest first. */
  async list(filter: DeadLetterFilter = {}): Promise<DeadLetter[]> {
    const { rows } = await this.#tables.pool.query<DeadLetter>(
      `SELECT ${COLUMNS} FROM ${this.#tables.prefix}dead_letter
       WHERE id > $1 AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR source = $3)
       ORDER BY id LIMIT $4`,
      [
        filter.after ?? '0',
        filter.kind ?? null,
        filter.source ?? null,
        Math.min(filter.limit ?? 50, 1_000),
      ],
    )
    return rows
  }

  /** How many there are of a kind, by source; for metrics. */
  async count(kind: DeadLetterKind): Promise<Map<string, number>> {
    const { rows } = await this.#tables.pool.query<{ source: string; letters: number }>(
      `SELECT source, count(*)::float8 AS letters
       FROM ${this.#tables.prefix}dead_letter WHERE kind = $1 GROUP BY source`,
      [kind],
    )
    return new Map(rows.map(({ source, letters }) => [source, letters]))
  }

  /** @throws NO_SUCH_DEAD_LETTER */
  async show(id: string): Promise<DeadLetter> {
    const { rows } = await this.#tables.pool.query<DeadLetter>(
      `SELECT ${COLUMNS} FROM ${this.#tables.prefix}dead_letter WHERE id = $1`,
      [checkId(id)],
    )
    return found(rows[0], id)
  }

  /**
   * Runs it again as the first time, with all its attempts before it.
   *
   * An event goes to the head of what waits of its key, so it runs before everything of the key that has
   * not run yet; what ran while it was dead has overtaken it. A message that was never sent goes back to
   * its old place in the outbox, with the same promise.
   *
   * @throws NO_SUCH_DEAD_LETTER, also when another redrive or discard came first.
   */
  async redrive(id: string): Promise<DeadLetter> {
    return transaction(this.#tables.pool, async (tx) => {
      const letter = await this.#take(tx, id)
      await REDRIVES[letter.kind](tx, this.#tables, letter)
      return letter
    })
  }

  /** Deletes it for good; a saga that was stuck is abandoned. @throws NO_SUCH_DEAD_LETTER */
  async discard(id: string): Promise<DeadLetter> {
    return transaction(this.#tables.pool, async (tx) => {
      const letter = await this.#take(tx, id)
      if (letter.kind === 'saga') await abandonSaga(tx, this.#tables, letter)
      return letter
    })
  }

  async #take(tx: PoolClient, id: string): Promise<DeadLetter> {
    const { rows } = await tx.query<DeadLetter>(
      `DELETE FROM ${this.#tables.prefix}dead_letter WHERE id = $1 RETURNING ${COLUMNS}`,
      [checkId(id)],
    )
    return found(rows[0], id)
  }
}

function checkId(id: string): string {
  if (!/^\d{1,18}$/.test(id)) throw new BanyanError('NO_SUCH_DEAD_LETTER', { given: id })
  return id
}

function found(letter: DeadLetter | undefined, id: string): DeadLetter {
  if (!letter) throw new BanyanError('NO_SUCH_DEAD_LETTER', { given: id })
  return letter
}

async function redriveEvent(tx: PoolClient, tables: Tables, letter: DeadLetter): Promise<void> {
  const { prefix } = tables
  await tx.query(lockKeys(tables, letter.source, [letter.key]))
  await tx.query(
    `INSERT INTO ${prefix}inbox_waiting
     SELECT * FROM json_populate_record(NULL::${prefix}inbox_waiting, $1)`,
    [JSON.stringify(letter.body)],
  )
  // A key that waits already has a head of its own; this one stands before it now, with all its attempts.
  await tx.query(
    `WITH due AS (
       INSERT INTO ${prefix}inbox_key (consumer, key, attempts, due_at, error)
       VALUES ($1, $2, 0, now(), $3)
       ON CONFLICT (consumer, key) DO UPDATE SET attempts = 0, due_at = now(), error = excluded.error
     ) ${wakeSql(tables, 'inbox')}`,
    [letter.source, letter.key, letter.error],
  )
}

async function redriveOutgoing(tx: PoolClient, tables: Tables, letter: DeadLetter): Promise<void> {
  const { prefix } = tables
  await tx.query(
    `WITH back AS (
       INSERT INTO ${prefix}outbox OVERRIDING SYSTEM VALUE
       SELECT * FROM json_populate_record(NULL::${prefix}outbox, $1)
     ) ${wakeSql(tables, 'outbox')}`,
    [JSON.stringify(letter.body)],
  )
}
