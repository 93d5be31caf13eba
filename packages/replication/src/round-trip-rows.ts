import { type Pool, sqlState } from '@banyan/postgres'
import { quoteIdent } from './catalog.ts'
import { readOnly } from './evaluate.ts'
import { mayPass } from './failures.ts'
import type { Row } from './flow.ts'
import type { ResolvedTable } from './mapping.ts'

/**
 * Some rows of the source, spread over the table, with its first and last by key. Fewer, or none,
 * where reading them would take more than a few seconds.
 */
export async function sampleRows(
  db: Pool,
  table: ResolvedTable,
  columns: readonly string[],
  most: number,
): Promise<Row[]> {
  if (columns.length === 0) return []
  const names = columns.map((name, i) => `t.${quoteIdent(name)} AS c${i}`).join(', ')
  const { quoted, key, oid } = table.source
  const order = (direction: string) =>
    key.map((name) => `t.${quoteIdent(name)} ${direction}`).join(', ')
  const ends = Math.ceil(most / 10)
  const pages = ['ASC', 'DESC'].map(
    (direction) => `SELECT ${names} FROM ${quoted} AS t ORDER BY ${order(direction)} LIMIT ${ends}`,
  )
  const estimate = await readOnly(db, (query) =>
    query(
      `SELECT sum(greatest(c.reltuples, 0))::text AS rows FROM pg_class c
        WHERE c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass) UNION SELECT $1::oid)`,
      [oid],
    ),
  )
  const rows = Number(estimate[0]!.rows)
  // Twice what is wanted: blocks are not filled alike.
  const share = rows > 20 * most ? ` TABLESAMPLE SYSTEM (${(200 * most) / rows})` : ''
  pages.push(`SELECT ${names} FROM ${quoted} AS t${share} LIMIT ${most}`)
  const found = new Map<string, Row>()
  for (const page of pages) {
    const some = await readOnly(db, (query) => query(page)).catch((error) => {
      if (mayPass(error) && sqlState(error) !== '57014') throw error
      return []
    })
    for (const one of some) {
      const row = columns.map((_, i) => one[`c${i}`] ?? null)
      found.set(JSON.stringify(row), row)
    }
  }
  return [...found.values()].slice(0, most + 2 * ends)
}

/** What holds for every row of the source, over these columns: its CHECK constraints and the plan's word. */
export async function conditionsOf(
  db: Pool,
  table: ResolvedTable,
  inputs: readonly string[],
): Promise<string[]> {
  const { oid, quoted } = table.source
  const checks = await readOnly(db, (query) =>
    query(
      `SELECT pg_get_expr(conbin, conrelid) AS condition FROM pg_constraint
        WHERE conrelid = $1 AND contype = 'c'`,
      [oid],
    ),
  )
  const given = [...checks.map((row) => row.condition!), ...(table.spec.holds ?? [])]
  const over: string[] = []
  const names = inputs.map(quoteIdent).join(', ')
  for (const condition of given) {
    const about = `SELECT (${condition}) FROM (SELECT ${names} FROM ${quoted} LIMIT 0) AS input`
    // Said of other columns too: nothing can be told of these alone.
    const fits = await readOnly(db, (query) => query(about)).then(
      () => true,
      (error) => {
        if (mayPass(error)) throw error
        return false
      },
    )
    if (fits) over.push(condition)
  }
  return over
}
