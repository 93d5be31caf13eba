import { createPool } from '@banyan/postgres'
import { until } from '../statistics.ts'
import { type Summary, summaryOf } from './samples.ts'
import type { System } from './system.ts'

/** How events came to those who handle them. */
export interface Propagation {
  /** From when an event was written until the last of its consumers had committed what it did with it, ms. */
  readonly tookMs: Summary
  /** Events whose first attempt failed, or that had to wait behind one: their time is not known. */
  readonly waited: number
  readonly deadLetters: number
}

const DRAINED_WITHIN_MS = 120_000

/** Waits until every event that was written has been handled by everybody. @throws after two minutes */
export async function untilHandled({ databases }: System, names: readonly string[]): Promise<void> {
  const pools = names.map((name) => open(databases[name as keyof typeof databases]))
  const bus = open(databases.bus)
  try {
    const [table] = (
      await bus.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
         WHERE tablename = 'message' AND schemaname NOT LIKE 'pg_%'`,
      )
    ).rows
    await until(
      'all events are handled',
      async () => {
        for (const [i, pool] of pools.entries()) {
          const schema = `${names[i]}_durable`
          const { rows } = await pool.query<{ open: boolean }>(
            `SELECT EXISTS (SELECT FROM ${schema}.outbox) OR EXISTS (SELECT FROM ${schema}.inbox_waiting) AS open`,
          )
          if (rows[0]!.open) return false
        }
        const { rowCount } = await bus.query(`SELECT FROM ${table!.name} LIMIT 1`)
        return rowCount === 0
      },
      DRAINED_WITHIN_MS,
      200,
    )
  } finally {
    for (const pool of [...pools, bus]) await pool.end()
  }
}

/**
 * Times events by what the databases kept of them: the id of an event has the moment at which it was written,
 * before its transaction was committed; the record that a consumer has handled it commits with what it did, and
 * the server knows when that was. One machine, so one clock.
 *
 * @param fromMs, untilMs when they were written, since the epoch; all of them are handled by now
 */
export async function propagationOf(
  { databases }: System,
  names: readonly string[],
  fromMs: number,
  untilMs: number,
): Promise<Propagation> {
  const handledAt = new Map<string, number>()
  let waited = 0
  let deadLetters = 0
  for (const name of names) {
    const schema = `${name}_durable`
    const pool = open(databases[name as keyof typeof databases])
    try {
      const { rows } = await pool.query<{ id: string; at: number }>(
        `SELECT id::text, extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 * 1000 AS at
         FROM ${schema}.inbox_seen WHERE id >= $1 AND id < $2 GROUP BY id`,
        [idAt(fromMs), idAt(untilMs)],
      )
      for (const { id, at } of rows) handledAt.set(id, Math.max(at, handledAt.get(id) ?? 0))
      const { rows: counts } = await pool.query<{ waited: number; dead: number }>(
        `SELECT coalesce((SELECT n_tup_ins FROM pg_stat_user_tables
            WHERE schemaname = $1 AND relname = 'inbox_waiting'), 0)::float8 AS waited,
          (SELECT count(*) FROM ${schema}.dead_letter)::float8 AS dead`,
        [schema],
      )
      waited += counts[0]!.waited
      deadLetters += counts[0]!.dead
    } finally {
      await pool.end()
    }
  }
  const took = [...handledAt].map(([id, at]) => at - writtenAt(id))
  return { tookMs: summaryOf(took), waited, deadLetters }
}

/** The moment in a UUID of version 7 (RFC 9562), ms since the epoch. */
export function writtenAt(id: string): number {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16)
}

/** The least id of that moment. */
export function idAt(ms: number): string {
  const time = Math.round(ms).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`
}

function open(url: string) {
  return createPool(url, { name: 'bench', max: 1 })
}
