import { BanyanError } from '@banyan/contracts'
import { transaction } from '@banyan/postgres'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'
import type { Json } from './definition.ts'
import type { SagaState, StepRecord } from './progress.ts'

export interface SagaSummary {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly key: string | null
  readonly state: SagaState | 'blocked'
  /** The last step that was begun. */
  readonly step: string | null
  readonly attempts: number
  /** Why it is blocked or compensates, or what the last attempt ended with. */
  readonly reason: string | null
  readonly startedAt: Date
  readonly updatedAt: Date
}

export interface SagaDetail extends SagaSummary {
  readonly input: Json
  readonly headers: Readonly<Record<string, string>>
  readonly steps: readonly StepRecord[]
  readonly error: string | null
  readonly deadline: Date
  readonly endedAt: Date | null
  /** Until when a runner has it; null when none has. */
  readonly leasedUntil: Date | null
}

export interface SagaCount {
  readonly name: string
  readonly state: SagaSummary['state']
  readonly sagas: number
}

export interface SagaFilter {
  readonly name?: string
  readonly state?: SagaState | 'blocked'
  /** Only sagas older than this one: the last id of the page before. */
  readonly after?: string
  /** 100 by default, 1,000 at most. */
  readonly limit?: number
}

/** What an operator sees of sagas, and does about them. */
export class SagaAdmin {
  readonly #tables: Tables
  readonly #saga: string

  constructor(tables: Tables) {
    this.#tables = tables
    this.#saga = `${tables.prefix}saga`
  }

  /** Newest first. */
  async list(filter: SagaFilter = {}): Promise<SagaSummary[]> {
    const { rows } = await this.#tables.pool.query<SagaSummary>(
      `SELECT ${SUMMARY} FROM ${this.#saga}
       WHERE ($1::text IS NULL OR name = $1)
         AND ($2::text IS NULL OR ${STATE} = $2)
         AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4`,
      [
        filter.name ?? null,
        filter.state ?? null,
        filter.after ?? null,
        Math.min(filter.limit ?? 100, 1_000),
      ],
    )
    return rows
  }

  /** How many have not ended, by name and state; for metrics. */
  async count(): Promise<readonly SagaCount[]> {
    // Two conditions, as the indexes have them: those that ended are many more.
    const { rows } = await this.#tables.pool.query<SagaCount>(
      `SELECT name, state, count(*)::float8 AS sagas FROM (
         SELECT name, state FROM ${this.#saga}
         WHERE state IN ('running', 'compensating') AND blocked IS NULL
         UNION ALL
         SELECT name, ${STATE} FROM ${this.#saga}
         WHERE (state = 'stuck' OR blocked IS NOT NULL) AND ended_at IS NULL
       ) AS open GROUP BY name, state`,
    )
    return rows
  }

  /** @throws NO_SUCH_SAGA */
  async show(id: string): Promise<SagaDetail> {
    const { rows } = await this.#tables.pool.query<SagaDetail>(
      `SELECT ${SUMMARY}, input, headers, steps::json AS steps, error, deadline, ended_at AS "endedAt",
         nullif(leased_until, '-infinity') AS "leasedUntil"
       FROM ${this.#saga} WHERE id::text = $1`,
      [id],
    )
    return rows[0] ?? missing(id)
  }

  /**
   * Lets a stuck saga try its compensation again, and a blocked one go on, with whatever version of the
   * definition the next runner has. The dead letter is gone with it.
   *
   * @throws NO_SUCH_SAGA, WRONG_SAGA_STATE
   */
  async redrive(id: string): Promise<void> {
    await this.#change(
      id,
      'redrive',
      ['stuck', 'blocked'],
      [
        `UPDATE ${this.#saga}
       SET state = CASE state WHEN 'stuck' THEN 'compensating' ELSE state END, blocked = NULL,
         attempts = 0, due_at = now(), updated_at = now(),
         version = CASE WHEN blocked IS NULL THEN version ELSE 0 END,
         deadline = CASE WHEN blocked IS NULL THEN deadline ELSE deadline + (now() - updated_at) END
       WHERE id = $1`,
        this.#forget(),
      ],
    )
  }

  /**
   * Turns a running saga round when its present step has ended: what was begun is compensated.
   *
   * @throws NO_SUCH_SAGA, WRONG_SAGA_STATE
   */
  async cancel(id: string): Promise<void> {
    await this.#change(
      id,
      'cancel',
      ['running'],
      [
        `UPDATE ${this.#saga} SET cancelling = true, due_at = now(), updated_at = now() WHERE id = $1`,
      ],
    )
  }

  /**
   * Ends a saga that somebody has put right by hand; nothing of it runs any more.
   *
   * @throws NO_SUCH_SAGA, WRONG_SAGA_STATE
   */
  async abandon(id: string): Promise<void> {
    await this.#change(
      id,
      'abandon',
      ['stuck', 'blocked'],
      [
        `UPDATE ${this.#saga} SET state = 'abandoned', ended_at = now(), updated_at = now() WHERE id = $1`,
        this.#forget(),
      ],
    )
  }

  #forget(): string {
    return `DELETE FROM ${this.#tables.prefix}dead_letter WHERE kind = 'saga' AND key = $1::text`
  }

  async #change(
    id: string,
    action: string,
    allowed: readonly string[],
    statements: readonly string[],
  ): Promise<void> {
    await transaction(this.#tables.pool, async (client) => {
      const { rows } = await client.query<{ state: string }>(
        `SELECT ${STATE} AS state FROM ${this.#saga} WHERE id::text = $1 FOR UPDATE`,
        [id],
      )
      const { state } = rows[0] ?? missing(id)
      if (!allowed.includes(state)) {
        throw new BanyanError('WRONG_SAGA_STATE', {
          action,
          id,
          state,
          allowed: allowed.join(', '),
        })
      }
      for (const statement of statements) await client.query(statement, [id])
      await client.query(wakeSql(this.#tables, 'saga'))
    })
  }
}

/** `blocked` stands beside the state that comes back when it is over; a saga that ended is not blocked. */
const STATE = `CASE WHEN blocked IS NOT NULL AND ended_at IS NULL THEN 'blocked' ELSE state END`
const SUMMARY = `id, name, version, key, ${STATE} AS state, steps::json -> -1 ->> 'name' AS step, attempts,
  coalesce(blocked, reason, error) AS reason, started_at AS "startedAt", updated_at AS "updatedAt"`

function missing(id: string): never {
  throw new BanyanError('NO_SUCH_SAGA', { given: id })
}
