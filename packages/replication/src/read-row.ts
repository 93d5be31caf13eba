import { setTimeout as delay } from 'node:timers/promises'
import type { Queryable } from '@banyan/postgres'
import { castText, quoteIdent } from './catalog.ts'
import { columnOf, type Flow, type Row } from './flow.ts'
import type { NetRow } from './net.ts'
import { operator } from './operators.ts'
import { arrays } from './table-writer.ts'
import { Visibility } from './visibility.ts'

const raw = { getTypeParser: () => (value: string) => value }

/**
 * Reads rows as they stand on the side read now. They may be ahead of the stream: what it still
 * brings for them will be applied again, in order, and ends at the same row. A row that is not there
 * although its change is visible was deleted or moved later, which the stream will say.
 */
export async function readRows(
  db: Queryable,
  flow: Flow,
  wanted: readonly NetRow[],
): Promise<Row[]> {
  const keys = Array.from({ length: flow.keyWidth }, (_, i) => i)
  const names = keys.map((i) => `k${i}`)
  const match = keys.map((i) => {
    const column = columnOf(flow.from, flow.columns[i]!)
    return `t.${quoteIdent(column.name)} ${operator(column, '=')} ${castText(`k.k${i}`, column.baseType)}`
  })
  const text = `SELECT pg_current_snapshot()::text AS snapshot, r.* FROM (SELECT 1) AS one
    LEFT JOIN (SELECT ${flow.columns.map((name, i) => `t.${quoteIdent(name)} AS c${i}`).join(', ')}
      FROM unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(', ')}) AS k(${names.join(', ')})
      JOIN ${flow.from.quoted} AS t ON ${match.join(' AND ')}) AS r ON true`
  const values = arrays(
    keys,
    wanted.map((row) => row.values),
  )
  for (;;) {
    const { rows } = await db.query<Record<string, string | null>>({ text, values, types: raw })
    const snapshot = new Visibility(rows[0]!.snapshot!)
    // Committed and decoded, yet not visible: a synchronous standby is being waited for.
    if (wanted.every((row) => snapshot.sees(row.xid))) {
      return rows
        .filter((row) => row.c0 !== null)
        .map((row) => flow.columns.map((_, i) => row[`c${i}`] ?? null))
    }
    await delay(20)
  }
}
