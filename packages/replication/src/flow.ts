import { castText, quoteIdent } from './catalog.ts'
import type { Fold } from './fold.ts'
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
  /** Set where rows are elements of an array on one of the sides. */
  readonly fold: FoldOfFlow | null
  /** Arrays of the row written that are another flow's; empty again when the row comes to another key. */
  readonly arrays: readonly string[]
  /** Whether every column is filled by one column as it is, so that rows pass as they come. */
  readonly plain: boolean
}

export type FoldOfFlow =
  /** Rows become elements. */
  | ({ readonly kind: 'in' } & Fold)
  /** The rows read hold arrays; their elements become rows of `children`. */
  | { readonly kind: 'out'; readonly array: number; readonly children: Flow }

export interface FlowExpr {
  readonly column: string
  /** Indexes into `columns`. */
  readonly from: readonly number[]
  /** SQL over the text columns `u.c0`, `u.c1`, …; typed as the column wants it. */
  readonly sql: string
  /** One column as it is. */
  readonly plain: boolean
  /** Belongs to the key of the table written. */
  readonly key: boolean
  /** The operator that compares the column as its index does. */
  readonly equals: string
  /** May not be set by an UPDATE: GENERATED ALWAYS AS IDENTITY. */
  readonly insertOnly: boolean
}

export function flowOf(table: ResolvedTable, stream: StreamName): Flow {
  if (table.fold && stream === 'reverse') return flowOfArrays(table, table.fold)
  return flowOfRows(table, stream)
}

/** Reads the parents' rows: their key, the array, and what tells the owner. */
function flowOfArrays(table: ResolvedTable, { row, into }: Fold): Flow {
  const path = table.owners.target
  const own = path && path.hops.length === 0 ? [path.column] : []
  const columns = [...new Set([...row.key, into, ...own])]
  return {
    ...flowOfRows(table, 'reverse'),
    from: row,
    columns,
    keyWidth: row.key.length,
    owner: path && (path.hops.length > 0 ? -1 : columns.indexOf(path.column)),
    exprs: [],
    fold: { kind: 'out', array: row.key.length, children: flowOfRows(table, 'reverse') },
  }
}

function flowOfRows(table: ResolvedTable, stream: StreamName): Flow {
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
    fold: table.fold && forward ? { kind: 'in', ...table.fold } : null,
    arrays: forward ? (table.arrays ?? []) : [],
    plain: part === null && !table.fold && exprs.every((expr) => expr.sql === null),
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
    plain: expr.sql === null,
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

/** A row has to be there before a part of it, or an element, is written into it. */
export function mainFirst<T>(all: readonly T[], flowOf: (one: T) => Flow): T[] {
  const late = (one: T) => Number(flowOf(one).part !== null) + 2 * Number(flowOf(one).fold !== null)
  return [0, 1, 2].flatMap((turn) => all.filter((one) => late(one) === turn))
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
