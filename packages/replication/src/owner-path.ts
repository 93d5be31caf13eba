import { quoteIdent } from './catalog.ts'

/** From a row to the row of the parent that a foreign key names. */
export interface OwnerHop {
  readonly columns: readonly string[]
  /** Quoted name of the parent. */
  readonly parent: string
  readonly parentColumns: readonly string[]
}

/** Where the owner key of a table's rows stands: in a column of its own, or of a parent. */
export interface OwnerPath {
  readonly hops: readonly OwnerHop[]
  readonly column: string
  /** Type of `column`. */
  readonly type: string
}

/** SQL of a column of the row at hand. */
type ColumnSql = (name: string) => string

/**
 * SQL of the owner key as text. Through a parent: empty for a row that names none (its bucket is that
 * of NULL), and NULL where the parent is not there.
 */
export function ownerSql(path: OwnerPath, column: ColumnSql): string {
  if (path.hops.length === 0) return `${column(path.column)}::text`
  return throughParents(path, column, `''`, (sql) => `coalesce(${sql}::text, '')`)
}

/** SQL of the bucket; NULL where the parent is not there, which says nothing about whose the row is. */
export function bucketSql(path: OwnerPath, column: ColumnSql): string {
  const bucket = (sql: string) => `banyan.bucket(${sql}::text)`
  if (path.hops.length === 0) return bucket(column(path.column))
  return throughParents(path, column, bucket('NULL'), bucket)
}

function throughParents(
  path: OwnerPath,
  column: ColumnSql,
  orphan: string,
  leaf: (sql: string) => string,
): string {
  const [hop, ...rest] = path.hops
  if (!hop) return leaf(column(path.column))
  const parent = `p${rest.length}`
  const inner = throughParents({ ...path, hops: rest }, own(parent), orphan, leaf)
  return `CASE WHEN ${none(hop, column)} THEN ${orphan} ELSE (SELECT ${inner} FROM ${hop.parent} AS ${parent} WHERE ${match(hop, parent, column)}) END`
}

/** SQL that holds for rows of these owners: $1 their keys, $2 whether rows that name nobody count too. */
export function ownedBySql(path: OwnerPath, column: ColumnSql): string {
  const [hop, ...rest] = path.hops
  if (!hop) {
    const key = column(path.column)
    return `(${key} = ANY ($1::text[]::${path.type}[]) OR ${key} IS NULL AND $2)`
  }
  const parent = `p${rest.length}`
  const inner = ownedBySql({ ...path, hops: rest }, own(parent))
  const keys = hop.parentColumns.map(own(parent)).join(', ')
  return `((${hop.columns.map(column).join(', ')}) IN (SELECT ${keys} FROM ${hop.parent} AS ${parent} WHERE ${inner}) OR (${none(hop, column)}) AND $2)`
}

/**
 * A query for the owner keys of `{rows}`, for the guard. A parent that is not there was deleted in this
 * very transaction, past its own guard, or will yet be written past it: foreign keys see to that.
 */
export function guardQuery(path: OwnerPath): string | null {
  const [hop] = path.hops
  if (!hop) return null
  const columns = hop.columns.map(own('r')).join(', ')
  return `SELECT k FROM (SELECT DISTINCT ${ownerSql(path, own('r'))} AS k FROM (SELECT DISTINCT ${columns} FROM {rows} AS r) AS r) AS keys WHERE k IS NOT NULL`
}

const own =
  (alias: string): ColumnSql =>
  (name) =>
    `${alias}.${quoteIdent(name)}`

const none = (hop: OwnerHop, column: ColumnSql) =>
  hop.columns.map((name) => `${column(name)} IS NULL`).join(' OR ')

const match = (hop: OwnerHop, parent: string, column: ColumnSql) =>
  hop.parentColumns
    .map((name, i) => `${own(parent)(name)} = ${column(hop.columns[i]!)}`)
    .join(' AND ')
