import { quoteIdent } from './catalog.ts'
import { columnOf, type Flow, type FlowExpr, keyColumns } from './flow.ts'
import { elementsOf, fieldSql, isNative, orderSql, quoteText } from './fold.ts'
import { notOpen, rowsOf, type Statement } from './statements.ts'

/** jsonb_build_object takes a hundred arguments. */
const FIELDS_AT_ONCE = 40

/** Puts rows into their parents' arrays, in place of elements with their key; one update a parent. */
export function intoArrays(flow: Flow, guarded: boolean, from?: string): Statement {
  const columns = flow.columns.map((_, i) => i)
  const width = foldOf(flow).row.key.length
  const fields = flow.exprs.filter((expr) => !flow.to.key.slice(0, width).includes(expr.column))
  const order = orderSql({ fold: foldOf(flow), target: flow.to }, 'a.v').join(', ')
  const all = `SELECT x.v FROM ${elementsOf(foldOf(flow), 't')} AS x(v) WHERE NOT ${among(flow, 'x.v')}
    UNION ALL SELECT n.v FROM jsonb_array_elements(s.v) AS n(v)`
  return {
    columns,
    text: rewriting(
      flow,
      `SELECT coalesce(jsonb_agg(a.v ORDER BY ${order}), '[]') FROM (${all}) AS a`,
      fields,
      from ?? rowsOf(columns.map((i) => `c${i}`)),
      notOpen(flow, guarded, from ? 1 : columns.length + 1),
    ),
  }
}

/** Takes the elements with these keys out of their parents' arrays. */
export function outOfArrays(flow: Flow, guarded: boolean): Statement {
  const keys = keyColumns(flow)
  const columns = keys.map((_, i) => i)
  const left = `SELECT coalesce(jsonb_agg(x.v ORDER BY x.n), '[]')
    FROM ${elementsOf(foldOf(flow), 't')} WITH ORDINALITY AS x(v, n) WHERE NOT ${among(flow, 'x.v')}`
  return {
    columns,
    text: rewriting(
      flow,
      left,
      keys.slice(foldOf(flow).row.key.length),
      rowsOf(columns.map((i) => `c${i}`)),
      notOpen(flow, guarded, columns.length + 1),
    ),
  }
}

/** Sets the array of each parent that `rows` name; `s.v` are their elements, of these fields. */
function rewriting(
  flow: Flow,
  array: string,
  fields: readonly FlowExpr[],
  rows: string,
  open: string,
): string {
  const { row, into } = foldOf(flow)
  const parents = keyColumns(flow).slice(0, row.key.length)
  const names = parents.map((_, i) => `p${i}`)
  const match = parents.map((expr, i) => `t.${quoteIdent(row.key[i]!)} ${expr.equals} s.p${i}`)
  return `UPDATE ${row.quoted} AS t SET ${quoteIdent(into)} = (${array})
FROM (SELECT ${names.join(', ')}, jsonb_agg(v) AS v
  FROM (SELECT ${parents.map((expr, i) => `${expr.sql} AS p${i}`).join(', ')}, ${element(flow, fields)} AS v FROM ${rows}) AS e
  GROUP BY ${names.join(', ')}) AS s
WHERE ${match.join(' AND ')}${open}`
}

/** Whether the key of element `v` is one of those in `s.v`. */
function among(flow: Flow, v: string): string {
  const keys = keyColumns(flow).slice(foldOf(flow).row.key.length)
  const same = keys.map(
    ({ column, equals }) =>
      `${fieldSql(flow.to, 'g.v', column)} ${equals} ${fieldSql(flow.to, v, column)}`,
  )
  return `EXISTS (SELECT FROM jsonb_array_elements(s.v) AS g(v) WHERE ${same.join(' AND ')})`
}

function element(flow: Flow, fields: readonly FlowExpr[]): string {
  const pairs = fields.map((expr) => `${quoteText(expr.column)}, ${jsonOf(flow, expr)}`)
  const objects: string[] = []
  for (let i = 0; i < pairs.length; i += FIELDS_AT_ONCE) {
    objects.push(`jsonb_build_object(${pairs.slice(i, i + FIELDS_AT_ONCE).join(', ')})`)
  }
  return objects.join(' || ')
}

/** What PostgreSQL printed, unless JSON can say the same. */
function jsonOf(flow: Flow, expr: FlowExpr): string {
  if (isNative(columnOf(flow.to, expr.column).baseType)) return `to_jsonb(${expr.sql})`
  return expr.plain ? `to_jsonb(u.c${expr.from[0]}::text)` : `to_jsonb((${expr.sql})::text)`
}

function foldOf(flow: Flow) {
  return flow.fold as Extract<Flow['fold'], { kind: 'in' }>
}
