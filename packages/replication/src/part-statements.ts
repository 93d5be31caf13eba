import { quoteIdent } from './catalog.ts'
import { type Flow, keyColumns } from './flow.ts'
import { intoArrays } from './fold-in.ts'
import { notOpen, rowsOf, type Statement, upsert } from './statements.ts'

/** Makes rows stand as they are given, in a table of its own, as the part of another, or in an array. */
export function upsertAny(flow: Flow, guarded: boolean, from?: string): Statement {
  if (flow.fold) return intoArrays(flow, guarded, from)
  if (!flow.part) return upsert(flow, guarded, from)
  return flow.part.kind === 'in'
    ? intoWhole(flow, guarded, from)
    : whereItHolds(flow, flow.part.where, guarded, from)
}

/** Sets the part's columns of rows that the main table makes. */
function intoWhole(flow: Flow, guarded: boolean, from: string | undefined): Statement {
  const columns = flow.columns.map((_, i) => i)
  const keys = keyColumns(flow)
  const set = flow.exprs.filter((expr) => !expr.key && !expr.insertOnly)
  const inner = [
    ...keys.map((expr, i) => `${expr.sql} AS k${i}`),
    ...set.map((expr, i) => `${expr.sql} AS e${i}`),
  ]
  const match = keys.map((expr, i) => `t.${quoteIdent(expr.column)} ${expr.equals} s.k${i}`)
  return {
    columns,
    text: `UPDATE ${flow.to.quoted} AS t SET ${set.map((expr, i) => `${quoteIdent(expr.column)} = s.e${i}`).join(', ')}
FROM (SELECT ${inner.join(', ')} FROM ${from ?? rowsOf(columns.map((i) => `c${i}`))}) AS s
WHERE ${match.join(' AND ')}${notOpen(flow, guarded, from ? 1 : columns.length + 1)}`,
  }
}

/** Rows of which the condition does not hold are taken away, the others put in. */
function whereItHolds(
  flow: Flow,
  where: string,
  guarded: boolean,
  from: string | undefined,
): Statement {
  const { columns, text } = upsert(flow, guarded, from)
  const rows = from ?? rowsOf(columns.map((i) => `c${i}`))
  const match = keyColumns(flow).map(
    (expr) => `t.${quoteIdent(expr.column)} ${expr.equals} ${expr.sql}`,
  )
  const open = notOpen(flow, guarded, from ? 1 : columns.length + 1)
  const gone = `DELETE FROM ${flow.to.quoted} AS t USING ${rows} WHERE ${match.join(' AND ')} AND ${where} IS NOT TRUE${open}`
  return {
    columns,
    text: `WITH gone AS (${gone})\n${text.replace('\nON CONFLICT', `\nWHERE ${where}\nON CONFLICT`)}`,
  }
}
