import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError, type ErrorCode } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { RepairRequest } from './requests.ts'
import type { RepairAnswer } from './status.ts'

/** A repair that has not been done by then is withdrawn, ms. */
const WITHIN_MS = 8_000
const POLL_MS = 50

type Answer =
  | { readonly done: RepairAnswer }
  | { readonly code: ErrorCode; readonly values: Record<string, unknown> }

/** Where the engine that is asked for a repair leaves it for the one that acts. */
export class RepairDesk {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** @throws BanyanError what the acting engine answered; REPAIR_REFUSED when none did in time. */
  async ask(extraction: string, request: RepairRequest): Promise<RepairAnswer> {
    const { rows } = await this.#pool.query<{ id: string }>(
      'INSERT INTO banyan_control.repair (extraction, request) VALUES ($1, $2) RETURNING id',
      [extraction, JSON.stringify(request)],
    )
    const { id } = rows[0]!
    const deadline = Date.now() + WITHIN_MS
    for (;;) {
      const late = Date.now() > deadline
      // One statement: an answer is either read or it never comes.
      const taken = await this.#pool.query<{ answer: Answer | null }>(
        'DELETE FROM banyan_control.repair WHERE id = $1 AND (answer IS NOT NULL OR $2) RETURNING answer',
        [id, late],
      )
      const answer = taken.rows[0]?.answer
      if (answer && 'done' in answer) return answer.done
      if (answer) throw new BanyanError(answer.code, answer.values)
      if (late) {
        throw new BanyanError('REPAIR_REFUSED', {
          row: nameOf(request),
          reason: `no engine has done it within ${WITHIN_MS / 1000} s; it was withdrawn`,
        })
      }
      await delay(POLL_MS)
    }
  }

  /** The oldest that waits; null when none does. */
  async next(extraction: string): Promise<{ id: string; request: RepairRequest } | null> {
    const { rows } = await this.#pool.query<{ id: string; request: RepairRequest }>(
      `SELECT id, request FROM banyan_control.repair
        WHERE extraction = $1 AND answer IS NULL ORDER BY id LIMIT 1`,
      [extraction],
    )
    return rows[0] ?? null
  }

  async answer(id: string, answer: Answer): Promise<void> {
    await this.#pool.query('UPDATE banyan_control.repair SET answer = $2 WHERE id = $1', [
      id,
      JSON.stringify(answer),
    ])
  }
}

/** A row as an operator writes it: `public.item:7`, `public.line:["7","1"]`. */
export function nameOf({ table, key }: Pick<RepairRequest, 'table' | 'key'>): string {
  const plain = key.length === 1 && key[0] !== '' && !/^\[/.test(key[0]!)
  return `${table}:${plain ? key[0] : JSON.stringify(key)}`
}
