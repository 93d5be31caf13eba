import { type Pool, sqlState, transaction } from '@banyan/postgres'
import { mayPass } from './failures.ts'
import type { Row } from './flow.ts'
import { arrays } from './table-writer.ts'

const raw = { getTypeParser: () => (value: string) => value }
const STATEMENT_MS = 5_000

/**
 * Evaluates SQL over text columns `u.c0`, `u.c1`, … for each row; in a transaction that cannot write.
 * A row for which it fails gets the error, and does not spoil the others.
 *
 * @throws what may be otherwise the next time: the database is away, or too slow for one row.
 */
export async function evaluate(
  db: Pool,
  select: readonly string[],
  rows: readonly Row[],
): Promise<(Row | Error)[]> {
  if (rows.length === 0) return []
  try {
    return await together(db, select, rows)
  } catch (error) {
    // A database that is away says nothing about a row. One that takes too long may manage half of them.
    const slow = sqlState(error) === '57014' && rows.length > 1
    if (mayPass(error) && !slow) throw error
    if (rows.length === 1) return [error as Error]
    const half = Math.ceil(rows.length / 2)
    return [
      ...(await evaluate(db, select, rows.slice(0, half))),
      ...(await evaluate(db, select, rows.slice(half))),
    ]
  }
}

async function together(db: Pool, select: readonly string[], rows: readonly Row[]): Promise<Row[]> {
  const columns = rows[0]!.map((_, i) => i)
  if (columns.length === 0 || select.length === 0) {
    // Nothing goes in (a constant), or nothing is asked for: one answer serves every row.
    const [row] = select.length === 0 ? [[]] : await together(db, select, [[null]])
    return rows.map(() => row!)
  }
  const text = `SELECT ${select.map((sql, i) => `${sql} AS r${i}`).join(', ')}
    FROM unnest(${columns.map((i) => `$${i + 1}::text[]`).join(', ')}) WITH ORDINALITY
      AS u(${columns.map((i) => `c${i}`).join(', ')}, n) ORDER BY u.n`
  return readOnly(db, async (query) => {
    const found = await query(text, arrays(columns, rows))
    return found.map((row) => select.map((_, i) => row[`r${i}`] ?? null))
  })
}

type Query = (text: string, values?: unknown[]) => Promise<Record<string, string | null>[]>

/** Runs queries whose values come as text, in a transaction that cannot write and of bounded time. */
export function readOnly<T>(db: Pool, work: (query: Query) => Promise<T>): Promise<T> {
  return transaction(
    db,
    async (client) => {
      await client.query(`SET LOCAL statement_timeout = ${STATEMENT_MS}`)
      return work(async (text, values = []) => {
        const answer = await client.query<Record<string, string | null>>({
          text,
          values,
          types: raw,
        })
        return answer.rows
      })
    },
    'BEGIN READ ONLY',
  )
}
