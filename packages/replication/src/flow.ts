import { castText, quoteIdent } from './catalog.ts'
import type { ColumnExpr, ResolvedTable, TableSide } from './mapping.ts'
import { operator } from './operators.ts'
import type { OwnerPath } from './owner-path.ts'
import { type PartOfFlow, partOfFlow, tableName } from './part.ts'
import type { StreamName } from './side.ts'

/** A value as PostgreSQL text; null is NULL; undefined was not in the change (an unchanged TOAST value). */
export type Value = string | null | undefined
export type Row = Value[]

/** A table as one stream sees it: what is read on one side, and how the other side is filled from it. */
export interface Flow {
  /** The table's name in the plan. */
  readonly name: string
  readonly from: TableSide
  readonly to: TableSide
  /** Columns of `from` that travel, those of the key first. */
  readonly columns: readonly string[]
  readonly keyWidth: number
  /** Where in `columns` the owner key is (-1: in a parent); null when the table moves as one bucket. */
  readonly owner: number | null
  /** Where the owner key is on the side written. */
  readonly ownerTo: OwnerPath | null
  readonly exprs: readonly FlowExpr[]
  /** Set where rows of this table stand for a part of others, or the other way round. */
  readonly part: PartOfFlow | null
  /** Whether every column is filled by one column as it is, so that rows pass as they come. */
  readonly plain: boolean
}

export interface FlowExpr {
  readonly column: string
  /** Indexes into `columns`. */
  readonly from: readonly number[]
  /** SQL over the text columns `u.c0`, `u.c1`, …; typed as the column wants it. */
  readonly sql: string
  /** Belongs to the key of the table written. */
  readonly key: boolean
  /** The operator that compares the column as its index does. */
  readonly equals: string
  /** May not be set by an UPDATE: GENERATED ALWAYS AS IDENTITY. */
  readonly insertOnly: boolean
}

export function flowOf(table: ResolvedTable, stream: StreamName): Flow {
  const forward = stream === 'forward'
  const from = forward ? table.source : table.target
  const to = forward ? table.target : table.source
  const exprs = forward ? table.forward : table.backward
  const where =
    table.spec.part?.of === (forward ? 'source' : 'target') ? table.spec.part.where : undefined
  const used = new Set([...exprs.flatMap((expr) => expr.from), ...(where?.from ?? [])])
  const columns = [
    ...from.key,
    ...from.columns
      .map((column) => column.name)
      .filter((name) => used.has(name) && !from.key.includes(name)),
  ]
  const [owner, ownerTo] = forward
    ? [table.owners.source, table.owners.target]
    : [table.owners.target, table.owners.source]
  const part = partOfFlow(table, forward ? 'source' : 'target', ({ from: names, sql }) =>
    computed(
      { column: '', from: names, sql },
      from,
      names.map((name) => columns.indexOf(name)),
    ),
  )
  return {
    name: tableName(table.spec),
    from,
    to,
    columns,
    keyWidth: from.key.length,
    owner: owner === null ? null : owner.hops.length > 0 ? -1 : columns.indexOf(owner.column),
    ownerTo,
    exprs: exprs.map((expr) => flowExpr(expr, from, to, columns)),
    part,
    plain: part === null && exprs.every((expr) => expr.sql === null),
  }
}

function flowExpr(
  expr: ColumnExpr,
  from: TableSide,
  to: TableSide,
  columns: readonly string[],
): FlowExpr {
  const target = columnOf(to, expr.column)
  const indexes = expr.from.map((name) => columns.indexOf(name))
  return {
    column: expr.column,
    from: indexes,
    key: to.key.includes(expr.column),
    equals: operator(target, '='),
    insertOnly: target.identity === 'always',
    sql: computedSql(expr, from, to, columns),
  }
}

/** What fills a column, as SQL over the text columns `u.c0`, `u.c1`, … that hold `columns`. */
export function computedSql(
  expr: ColumnExpr,
  from: TableSide,
  to: TableSide,
  columns: readonly string[],
): string {
  const indexes = expr.from.map((name) => columns.indexOf(name))
  return expr.sql === null
    ? castText(`u.c${indexes[0]}`, columnOf(to, expr.column).baseType)
    : computed(expr, from, indexes)
}

function computed(expr: ColumnExpr, from: TableSide, indexes: readonly number[]): string {
  const inputs = expr.from.map(
    (name, i) =>
      `${castText(`u.c${indexes[i]}`, columnOf(from, name).baseType)} AS ${quoteIdent(name)}`,
  )
  return inputs.length === 0
    ? `(${expr.sql})`
    : `(SELECT (${expr.sql}) FROM (SELECT ${inputs.join(', ')}) AS input)`
}

export function columnOf(side: TableSide, name: string) {
  return side.columns.find((column) => column.name === name)!
}

/** For each key column of `from`: the column of `to` it fills. */
export function keyColumns(flow: Flow): FlowExpr[] {
  return flow.from.key.map(
    (_, i) => flow.exprs.find((expr) => expr.key && expr.from.length === 1 && expr.from[0] === i)!,
  )
}

/** One string that identifies a row; text values never contain a zero byte. */
export function keyText(row: readonly Value[], keyWidth: number): string {
  if (keyWidth === 1) return row[0] as string
  let text = row[0] as string
  for (let i = 1; i < keyWidth; i++) text += `\0${row[i]}`
  return text
}
