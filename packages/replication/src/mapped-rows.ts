import type { Queryable } from '@banyan/postgres'
import { castText, quoteIdent } from './catalog.ts'
import { columnOf } from './flow.ts'
import { ownerColumnSql } from './fold.ts'
import type { Column, ColumnExpr, ResolvedTable } from './mapping.ts'
import { operator } from './operators.ts'
import { bucketSql, type OwnerPath, ownerSql } from './owner-path.ts'
import { rowsWithPart, tableName } from './part.ts'
import type { SideName } from './side.ts'
import { textArray } from './text-array.ts'

/** Values as text, as the server prints them. */
const raw = { getTypeParser: () => (value: string) => value }

/**
 * A table's rows on either side in the target's terms: on the source each target column is
 * computed as replication fills it, so that both sides print the same text for the same row.
 */
export interface MappedTable {
  readonly name: string
  readonly quoted: string
  /** Target columns that replication fills. */
  readonly columns: readonly string[]
  /** For each of `columns`, SQL over `t`. */
  readonly sql: readonly string[]
  /** Indexes into `columns`: the key, in the order of the source's. */
  readonly key: readonly number[]
  /** Key columns of this side, and their types. */
  readonly ownKey: readonly (Pick<Column, 'operators'> & {
    readonly column: string
    readonly type: string
  })[]
  /** SQL of the owner key as the guard sees it; null when the table moves as one bucket. */
  readonly owner: string | null
  /** SQL of the bucket; null likewise. */
  readonly bucket: string | null
  /** Index of the owner key in a full row, behind its columns when it is a parent's; null likewise. */
  readonly ownerIndex: number | null
  /** A 64-bit hash of the row. */
  readonly hash: string
}

/** A table as both sides show it, so that their rows and hashes can be held against each other. */
export interface MappedSides {
  readonly onSource: MappedTable
  readonly onTarget: MappedTable
}

export async function mapBoth(
  source: Queryable,
  target: Queryable,
  table: ResolvedTable,
): Promise<MappedSides> {
  const [here, there] = await Promise.all([encodingOf(source), encodingOf(target)])
  const hash = here === there ? quickHash : portableHash
  const [onSource, onTarget] = await Promise.all([
    mapTable(source, table, 'source', hash),
    mapTable(target, table, 'target', hash),
  ])
  return { onSource, onTarget }
}

async function encodingOf(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ encoding: string }>('SELECT getdatabaseencoding() AS encoding')
  return rows[0]!.encoding
}

/**
 * Costs next to nothing beside printing the row. The same in every major: partitions by hash of a text
 * are kept by pg_upgrade, so it cannot change. Under "C", since other collations may hash a sort key.
 */
const quickHash = (row: string) => `hashtextextended(${row} COLLATE "C", 0)`
/** The same whatever octets a database keeps its text in; a row costs half as much again. */
const portableHash = (row: string) =>
  `('x' || substr(md5(convert_to(${row}, 'UTF8')), 1, 16))::bit(64)::bigint`

async function mapTable(
  db: Queryable,
  table: ResolvedTable,
  side: SideName,
  hash: (row: string) => string,
): Promise<MappedTable> {
  const { forward, source, target, spec } = table
  const sql =
    side === 'target'
      ? forward.map((expr) => `t.${quoteIdent(expr.column)}`)
      : await sourceSql(db, table)
  const own = side === 'source' ? source : target
  const renamed = source.key.map((name) => targetOf(forward, name))
  const keyNames = side === 'source' ? source.key : renamed
  const owner = table.owners[side]
  const columns = forward.map((expr) => expr.column)
  return {
    name: tableName(spec),
    quoted: rowsWithPart(table, side),
    columns,
    sql,
    key: renamed.map((name) => columns.indexOf(name)),
    ownKey: keyNames.map((name) => {
      const { baseType, operators } = columnOf(own, name)
      return { column: name, type: baseType, operators }
    }),
    owner: owner && ownerKeySql(table, owner, side),
    bucket: owner && bucketSql(owner, ownerColumnSql(table, side)),
    ownerIndex: ownerIndex(table, columns),
    hash: hash(`ROW(${sql.join(', ')})::text`),
  }
}

function ownerKeySql(table: ResolvedTable, owner: OwnerPath, side: SideName): string {
  const sql = ownerSql(owner, ownerColumnSql(table, side))
  // As through a parent, which an array's row is: NULL is for where it is not there.
  return table.fold ? `coalesce(${sql}, '')` : sql
}

function ownerIndex(table: ResolvedTable, columns: readonly string[]): number | null {
  const owner = table.owners.target
  if (owner === null) return null
  return table.fold || owner.hops.length > 0 ? columns.length : columns.indexOf(owner.column)
}

function isParents(mapped: MappedTable): boolean {
  return mapped.ownerIndex === mapped.columns.length
}

/** The owner key of a full row; undefined when there is no row, or no parent to tell. */
export function ownerKeyOf(
  mapped: MappedTable,
  row: readonly (string | null)[] | undefined,
): string | null | undefined {
  if (row === undefined) return undefined
  if (mapped.ownerIndex === null) return null
  const key = row[mapped.ownerIndex]!
  return key === null && isParents(mapped) ? undefined : key
}

function targetOf(forward: readonly ColumnExpr[], name: string): string {
  return forward.find((expr) => expr.sql === null && expr.from[0] === name)!.column
}

async function sourceSql(db: Queryable, table: ResolvedTable): Promise<string[]> {
  const types = table.forward.map((expr) => columnOf(table.target, expr.column).type)
  const { rows } = await db.query<{ known: boolean[] }>(
    'SELECT array_agg(to_regtype(t) IS NOT NULL ORDER BY n) AS known FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n)',
    [types.map((type) => type.replace(/\(.*?\)/, ''))],
  )
  return table.forward.map((expr, i) => {
    const known = rows[0]!.known[i]!
    if (expr.sql !== null) {
      const inputs = expr.from.map((name) => `t.${quoteIdent(name)} AS ${quoteIdent(name)}`)
      const value = `(SELECT (${expr.sql}) FROM (SELECT ${inputs.join(', ') || '1'}) AS input)`
      return known ? `${value}::${types[i]}` : value
    }
    const column = `t.${quoteIdent(expr.from[0]!)}`
    if (columnOf(table.source, expr.from[0]!).type === types[i] || !known) return column
    // As replication does it: what the source's type prints is what the target's type reads.
    return `(CASE WHEN ${column} IS NULL THEN NULL ELSE concat(${column}) END)::${types[i]}`
  })
}

/** Rows in full, by key; values in the order of `columns`. */
export async function rowsByKey(
  db: Queryable,
  mapped: MappedTable,
  keys: readonly (readonly string[])[],
  lock = '',
): Promise<Map<string, (string | null)[]>> {
  const { text, values } = byKeys(mapped, keys)
  // A parent's owner key travels as one more value.
  const all = isParents(mapped) ? [...mapped.sql, mapped.owner!] : mapped.sql
  const { rows } = await db.query<Record<string, string | null>>({
    text: `SELECT ${all.map((sql, i) => `${sql} AS c${i}`).join(', ')} ${text} ${lock}`,
    values,
    types: raw,
  })
  const found = new Map<string, (string | null)[]>()
  for (const row of rows) {
    const values = all.map((_, i) => row[`c${i}`] ?? null)
    found.set(keyOf(mapped.key.map((i) => values[i]!)), values)
  }
  return found
}

/** Hashes by key, of those of these keys that exist. */
export async function hashesByKey(
  db: Queryable,
  mapped: MappedTable,
  keys: readonly (readonly string[])[],
): Promise<Map<string, HashedRow>> {
  if (keys.length === 0) return new Map()
  const { text, values } = byKeys(mapped, keys)
  return readHashes(db, mapped, text, values)
}

function byKeys(mapped: MappedTable, keys: readonly (readonly string[])[]) {
  const names = mapped.ownKey.map((_, i) => `k${i}`)
  const match = mapped.ownKey.map(
    ({ column, type, operators }, i) =>
      `t.${quoteIdent(column)} ${operator({ operators }, '=')} ${castText(`k.k${i}`, type)}`,
  )
  return {
    text: `FROM unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(', ')}) AS k(${names.join(', ')})
      JOIN ${mapped.quoted} AS t ON ${match.join(' AND ')}`,
    values: names.map((_, i) => textArray(keys as string[][], i)),
  }
}

export interface HashedRow {
  readonly key: readonly string[]
  /** The key as this side writes it, to go on from. */
  readonly ownKey: readonly string[]
  readonly hash: string
}

/** Runs `SELECT key, hash <from>`. */
export async function readHashes(
  db: Queryable,
  mapped: MappedTable,
  from: string,
  values: readonly unknown[],
): Promise<Map<string, HashedRow>> {
  const keys = mapped.key.map((i) => mapped.sql[i]!)
  const own = mapped.ownKey.map(({ column }) => `t.${quoteIdent(column)}`)
  const same = keys.every((sql, i) => sql === own[i])
  const result = await db.query<string[]>({
    text: `SELECT ${mapped.hash}, ${[...keys, ...(same ? [] : own)].join(', ')} ${from}`,
    values: values as unknown[],
    types: raw,
    rowMode: 'array',
  })
  const width = keys.length
  const hashes = new Map<string, HashedRow>()
  for (const row of result.rows) {
    const key = row.slice(1, 1 + width)
    hashes.set(keyOf(key), {
      key,
      ownKey: same ? key : row.slice(1 + width),
      hash: row[0]!,
    })
  }
  return hashes
}

export function keyOf(key: readonly string[]): string {
  return key.join('\0')
}
