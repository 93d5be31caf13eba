import { castText, quoteIdent } from './catalog.ts'
import { type Flow, type FlowExpr, keyColumns } from './flow.ts'
import { bucketSql } from './owner-path.ts'

/** A statement and what it takes: one text[] a column, each element one row. */
export interface Statement {
  readonly text: string
  /** Columns of the flow that are its first parameters. */
  readonly columns: readonly number[]
}

/** Leaves rows alone whose bucket is open where we write; the buckets are the last parameter. */
export function notOpen(flow: Flow, guarded: boolean, parameter: number): string {
  return guarded && flow.ownerTo !== null
    ? ` AND (${bucketSql(flow.ownerTo, (name) => `t.${quoteIdent(name)}`)} = ANY ($${parameter}::int[])) IS NOT TRUE`
    : ''
}

/** New rows whose parent says that their bucket is open: an owner key of their own was looked at before. */
function notOpenThere(flow: Flow, guarded: boolean, parameter: number): string {
  if (!guarded || !flow.ownerTo?.hops.length) return ''
  const sql = bucketSql(
    flow.ownerTo,
    (name) => flow.exprs.find((expr) => expr.column === name)!.sql,
  )
  return `\nWHERE (${sql} = ANY ($${parameter}::int[])) IS NOT TRUE`
}

/** `unnest($1::text[], …) WITH ORDINALITY AS u(c0, …, n)`. */
export function rowsOf(names: readonly string[]): string {
  const parameters = names.map((_, i) => `$${i + 1}::text[]`)
  return `unnest(${parameters.join(', ')}) WITH ORDINALITY AS u(${names.join(', ')}, n)`
}

/** @param changedOnly leaves rows alone that stand as they should. */
export function upsert(
  flow: Flow,
  guarded: boolean,
  from?: string,
  changedOnly = false,
): Statement {
  const settable = flow.exprs.filter((expr) => !expr.key && !expr.insertOnly)
  const sets = settable.map(
    (expr) => `${quoteIdent(expr.column)} = EXCLUDED.${quoteIdent(expr.column)}`,
  )
  const parameter = from ? 1 : flow.columns.length + 1
  const texts = (of: string) =>
    settable.map((expr) => `${of}.${quoteIdent(expr.column)}::text`).join(', ')
  const changed = changedOnly
    ? ` AND ROW(${texts('t')}) IS DISTINCT FROM ROW(${texts('EXCLUDED')})`
    : ''
  const open = `${changed}${notOpen(flow, guarded, parameter)}`
  const action =
    sets.length === 0 ? 'NOTHING' : `UPDATE SET ${sets.join(', ')}${open && ` WHERE true${open}`}`
  const { columns, text } = insert(flow, from)
  return {
    columns,
    text: `${text}${notOpenThere(flow, guarded, parameter)}\nON CONFLICT (${keyList(flow)}) DO ${action}`,
  }
}

/** Puts rows in where none stand. An upsert would first look for each, and mark what it puts in twice. */
export function insert(flow: Flow, from?: string): Statement {
  const columns = flow.columns.map((_, i) => i)
  const source = from ?? rowsOf(columns.map((i) => `c${i}`))
  const names = flow.exprs.map((expr) => quoteIdent(expr.column))
  return {
    columns,
    text: `INSERT INTO ${flow.to.quoted} AS t (${names.join(', ')}) OVERRIDING SYSTEM VALUE
SELECT ${flow.exprs.map((expr) => expr.sql).join(', ')} FROM ${source}`,
  }
}

function keyList(flow: Flow): string {
  return keyColumns(flow)
    .map((expr) => quoteIdent(expr.column))
    .join(', ')
}

/**
 * Updates rows in place, setting what can be computed from `present`; for rows that move, the old
 * key's values are further parameters. Returns the ordinal of each row it found.
 */
export function update(
  flow: Flow,
  present: readonly number[],
  moved: boolean,
  guarded: boolean,
): Statement | null {
  const set = settable(flow, present, moved)
  if (set.length === 0) return null
  const keys = keyColumns(flow)
  const names = present.map((i) => `c${i}`)
  if (moved) names.push(...keys.map((_, i) => `o${i}`))
  const keySql = keys.map((expr, i) =>
    moved ? expr.sql.replaceAll(`u.c${i}`, `u.o${i}`) : expr.sql,
  )
  const inner = [
    'u.n',
    ...keySql.map((sql, i) => `${sql} AS k${i}`),
    ...set.map((expr, i) => `${expr.sql} AS e${i}`),
  ]
  const match = keys.map((expr, i) => `t.${quoteIdent(expr.column)} ${expr.equals} s.k${i}`)
  const sets = [
    ...set.map((expr, i) => `${quoteIdent(expr.column)} = s.e${i}`),
    // Its elements move too, or go: each comes in a change of its own.
    ...(moved ? flow.arrays : []).map((name) => `${quoteIdent(name)} = '[]'`),
  ]
  return {
    columns: present,
    text: `UPDATE ${flow.to.quoted} AS t SET ${sets.join(', ')}
FROM (SELECT ${inner.join(', ')} FROM ${rowsOf(names)}) AS s
WHERE ${match.join(' AND ')}${notOpen(flow, guarded, names.length + 1)} RETURNING s.n::int4`,
  }
}

export function settable(
  flow: Flow,
  present: readonly number[],
  moved: boolean,
): readonly FlowExpr[] {
  return flow.exprs.filter(
    (expr) =>
      !expr.insertOnly && (moved || !expr.key) && expr.from.every((i) => present.includes(i)),
  )
}

/** Columns of the table written that are returned by a delete that will insert the rows again. */
export function keptColumns(flow: Flow): string[] {
  return flow.to.columns.filter((column) => !column.generated).map((column) => column.name)
}

export function remove(flow: Flow, guarded: boolean, returning: boolean): Statement {
  const keys = keyColumns(flow)
  const match = keys.map((expr) => `t.${quoteIdent(expr.column)} ${expr.equals} ${expr.sql}`)
  const back = returning
    ? ` RETURNING u.n::int4 AS n, ${keptColumns(flow)
        .map((name, i) => `t.${quoteIdent(name)} AS v${i}`)
        .join(', ')}`
    : ''
  const columns = keys.map((_, i) => i)
  return {
    columns,
    text: `DELETE FROM ${flow.to.quoted} AS t USING ${rowsOf(columns.map((i) => `c${i}`))}
WHERE ${match.join(' AND ')}${notOpen(flow, guarded, keys.length + 1)}${back}`,
  }
}

/** Inserts rows of which some columns are computed from the change and others are as they were. */
export function reinsert(
  flow: Flow,
  present: readonly number[],
  computed: readonly FlowExpr[],
  kept: readonly string[],
): Statement {
  const names = [...present.map((i) => `c${i}`), ...kept.map((_, i) => `k${i}`)]
  const into = [...computed.map((expr) => expr.column), ...kept]
  const values = [
    ...computed.map((expr) => expr.sql),
    ...kept.map((name, i) => {
      const column = flow.to.columns.find((candidate) => candidate.name === name)!
      return castText(`u.k${i}`, column.baseType)
    }),
  ]
  return {
    columns: present,
    text: `INSERT INTO ${flow.to.quoted} (${into.map(quoteIdent).join(', ')}) OVERRIDING SYSTEM VALUE
SELECT ${values.join(', ')} FROM ${rowsOf(names)}`,
  }
}

/** Which of these keys exist where we write; returns ordinals. */
export function existing(flow: Flow): Statement {
  const keys = keyColumns(flow)
  const columns = keys.map((_, i) => i)
  const match = keys.map((expr) => `t.${quoteIdent(expr.column)} ${expr.equals} ${expr.sql}`)
  return {
    columns,
    text: `SELECT u.n::int4 AS n FROM ${rowsOf(columns.map((i) => `c${i}`))}
JOIN ${flow.to.quoted} AS t ON ${match.join(' AND ')}`,
  }
}
