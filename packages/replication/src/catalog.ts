import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import pg from 'pg'
import type { Column, TableSide } from './mapping.ts'

/** `"name"`, always quoted: reserved words and capitals need no special case. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function badPlan(where: string, reason: string): BanyanError {
  return new BanyanError('BAD_PLAN', { where, reason })
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  return pg.escapeLiteral(text)
}

/**
 * A text value as this type. A cast does what the type's input function does, but for one type: text to
 * regclass knows neither `-` nor the number of a table that is gone, both of which regclass prints.
 */
export function castText(sql: string, type: string): string {
  return type === 'regclass'
    ? `CASE WHEN ${sql} = '-' THEN 0::regclass WHEN ${sql} ~ '^[0-9]+$' THEN ${sql}::oid::regclass ELSE ${sql}::regclass END`
    : `${sql}::${type}`
}

/** Splits `schema.table`, where either part may be quoted; unquoted parts fold to lower case, as in SQL. */
function parseTableName(given: string): { schema: string; name: string } {
  const part = '(?:"((?:[^"]|"")+)"|([A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*))'
  const match = new RegExp(`^${part}\\.${part}$`).exec(given.trim())
  if (!match) {
    throw new BanyanError('BAD_PLAN', {
      where: given,
      reason: 'a table is written schema.table; put a part with capitals in double quotes',
    })
  }
  const unquote = (quoted: string | undefined, plain: string | undefined) =>
    quoted === undefined ? plain!.toLowerCase() : quoted.replaceAll('""', '"')
  return { schema: unquote(match[1], match[2]), name: unquote(match[3], match[4]) }
}

interface TableRow {
  oid: number
  relkind: string
  relreplident: 'd' | 'f' | 'i' | 'n'
  inherited: boolean
  /** Partitions that say otherwise than their table what identifies a row. */
  odd: string | null
}

interface ColumnRow {
  name: string
  type: string
  type_oid: number
  base_type: string
  typmod: number
  not_null: boolean
  generated: boolean
  identity: '' | 'a' | 'd'
  has_default: boolean
  toastable: boolean
  collation: string | null
  operators: string | null
}

interface IndexRow {
  name: string
  columns: string[]
  /** Those of `columns` that may be NULL. */
  nullable: string[]
  primary: boolean
  replident: boolean
  immediate: boolean
}

/** Everything the engine needs to know about one table. `where` names the side in messages. */
export async function describeTable(
  db: Queryable,
  given: string,
  where: string,
): Promise<TableSide> {
  const { schema, name } = parseTableName(given)
  const table = (
    await db.query<TableRow>(
      `SELECT c.oid, c.relkind, c.relreplident,
              c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS inherited,
              (SELECT string_agg(p.relid::regclass::text, ', ') FROM pg_partition_tree(c.oid) p
                 JOIN pg_class l ON l.oid = p.relid WHERE l.relreplident <> c.relreplident) AS odd
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2`,
      [schema, name],
    )
  ).rows[0]
  if (!table) {
    throw new BanyanError('BAD_PLAN', {
      where: `${where} table ${given}`,
      reason: `there is no such table${await nearTables(db, schema, name)}`,
    })
  }
  if (!['r', 'p'].includes(table.relkind)) {
    throw new BanyanError('BAD_PLAN', {
      where: `${where} table ${given}`,
      reason: 'it is not an ordinary or partitioned table',
    })
  }
  const refuse = (reason: string) => {
    throw new BanyanError('BAD_PLAN', { where: `${where} table ${given}`, reason })
  }
  if (table.inherited) {
    refuse('other tables inherit from it, whose rows would show in it: make them partitions')
  }
  if (table.odd && table.relkind === 'p') {
    refuse(
      `its partitions ${table.odd} have another REPLICA IDENTITY than the table: make it the same`,
    )
  }
  const columns = (await db.query<ColumnRow>(COLUMNS, [table.oid])).rows
  const indexes = (await db.query<IndexRow>(INDEXES, [table.oid])).rows
  const identity = table.relreplident
  const usable = indexes.filter((index) => index.immediate && index.nullable.length === 0)
  const key = keyIndex(usable, table)
  const quoted = `${quoteIdent(schema)}.${quoteIdent(name)}`
  return {
    schema,
    name,
    oid: table.oid,
    quoted,
    columns: columns.map(toColumn),
    key: key?.columns ?? [],
    keyless: key ? null : whyKeyless(quoted, indexes, usable, table),
    identityIndex: identity === 'd' && key && !key.primary ? key.name : null,
    replicaIdentity: REPLICA_IDENTITY[identity],
    uniqueIndexes: usable.map((index) => index.columns),
    kin: (await kinOf(db, [table.oid])).map((kin) => kin.name),
  }
}

/** The index that tells rows apart, here and in the change stream. */
function keyIndex(usable: readonly IndexRow[], table: TableRow): IndexRow | undefined {
  const primary = usable.find((index) => index.primary)
  switch (table.relreplident) {
    case 'n':
      return undefined
    case 'i':
      return usable.find((index) => index.replident)
    case 'f':
      return primary ?? usable[0]
    case 'd':
      // Each partition would need its own index named.
      return primary ?? (table.relkind === 'p' ? undefined : usable[0])
  }
}

function whyKeyless(
  quoted: string,
  indexes: readonly IndexRow[],
  usable: readonly IndexRow[],
  table: TableRow,
): string {
  const alter = `ALTER TABLE ${quoted}`
  if (usable.length > 0) {
    return table.relreplident === 'n'
      ? `its REPLICA IDENTITY is NOTHING, so its rows cannot be told apart in the stream: ${alter} REPLICA IDENTITY DEFAULT`
      : `its REPLICA IDENTITY names no usable index, and its partitions would each need one: ${alter} ADD PRIMARY KEY (${list(usable[0]!.columns)})`
  }
  const late = indexes.find((index) => !index.immediate)
  if (late) {
    return `its ${late.primary ? 'primary key' : 'unique constraint'} ${quoteIdent(late.name)} is DEFERRABLE, and neither the stream nor ON CONFLICT can go by it: ${alter} DROP CONSTRAINT ${quoteIdent(late.name)}, ADD ${late.primary ? 'PRIMARY KEY' : 'UNIQUE'} (${list(late.columns)})`
  }
  const open = indexes[0]
  if (open) {
    return `its unique index ${quoteIdent(open.name)} does not tell all rows apart, since ${list(open.nullable)} may be NULL: ${open.nullable.map((column) => `${alter} ALTER COLUMN ${quoteIdent(column)} SET NOT NULL`).join('; ')}`
  }
  return `it has no primary key and no unique index over NOT NULL columns, so its rows cannot be told apart: ${alter} ADD PRIMARY KEY over the columns that do (of a join table: both of them, once duplicates are gone), or ${alter} ADD COLUMN row_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY`
}

const list = (columns: readonly string[]) => columns.map(quoteIdent).join(', ')

/** Partitions of some tables, theirs included, and what some tables are partitions of. */
export async function kinOf(
  db: Queryable,
  oids: readonly number[],
): Promise<{ of: number; name: string }[]> {
  const { rows } = await db.query<{ of: number; name: string }>(
    `SELECT t.oid AS of, k.name FROM unnest($1::oid[]) AS t(oid) CROSS JOIN LATERAL (
       SELECT 'partition ' || p.relid::regclass AS name FROM pg_partition_tree(t.oid) p
        WHERE p.relid <> t.oid
       UNION ALL SELECT 'partition of ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = t.oid
       UNION ALL SELECT 'child ' || i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = t.oid AND NOT c.relispartition) AS k ORDER BY 1, 2`,
    [oids],
  )
  return rows
}

const REPLICA_IDENTITY = { d: 'default', f: 'full', i: 'index', n: 'nothing' } as const

const COLUMNS = `
  SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
         a.atttypid AS type_oid, format_type(a.atttypid, -1) AS base_type, a.atttypmod AS typmod, a.attnotnull AS not_null,
         a.attgenerated <> '' AS generated, a.attidentity AS identity,
         a.atthasdef AS has_default, a.attstorage <> 'p' AS toastable,
         CASE WHEN o.oid IS NULL THEN NULL WHEN o.collname = 'default' THEN d.datcollate ELSE o.collname END AS collation,
         (SELECT n.nspname FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
            JOIN pg_amop s ON s.amopfamily = c.opcfamily AND s.amopstrategy = 3
             AND s.amoplefttype = c.opcintype AND s.amoprighttype = c.opcintype
            JOIN pg_operator e ON e.oid = s.amopopr
            JOIN pg_namespace n ON n.oid = e.oprnamespace AND n.nspname <> 'pg_catalog'
           WHERE c.opcdefault AND c.opcintype = coalesce(nullif(t.typbasetype, 0), t.oid)
           LIMIT 1)::text AS operators
    FROM pg_attribute a
         JOIN pg_database d ON d.datname = current_database()
         JOIN pg_type t ON t.oid = a.atttypid
         LEFT JOIN pg_collation o ON o.oid = a.attcollation
   WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
   ORDER BY a.attnum`

/** Unique indexes that are whole and over plain columns. */
const INDEXES = `
  SELECT ic.relname::text AS name, array_agg(a.attname::text ORDER BY k.n) AS columns,
         coalesce(array_agg(a.attname::text ORDER BY k.n) FILTER (WHERE NOT a.attnotnull), '{}') AS nullable,
         i.indisprimary AS primary, i.indisreplident AS replident, i.indimmediate AS immediate
    FROM pg_index i
         JOIN pg_class ic ON ic.oid = i.indexrelid
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid
     AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
   GROUP BY i.indexrelid, ic.relname, i.indisprimary, i.indisreplident, i.indimmediate
   ORDER BY i.indisprimary DESC, count(*), i.indexrelid`

function toColumn(row: ColumnRow): Column {
  return {
    name: row.name,
    type: row.type,
    typeOid: row.type_oid,
    baseType: row.base_type,
    typmod: row.typmod,
    notNull: row.not_null,
    generated: row.generated,
    identity: row.identity === 'a' ? 'always' : row.identity === 'd' ? 'by default' : null,
    hasDefault: row.has_default,
    toastable: row.toastable,
    collation: row.collation,
    operators: row.operators,
  }
}

async function nearTables(db: Queryable, schema: string, name: string): Promise<string> {
  const { rows } = await db.query<{ near: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS near
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'banyan')
        AND n.nspname NOT LIKE 'pg_toast%'`,
  )
  const near = nearNames(
    `${schema}.${name}`,
    rows.map((row) => row.near),
  )
  return near.length > 0 ? `; there is ${near.join(', ')}` : ''
}

/** Of the names that exist, the few most like the one given. */
export function nearNames(given: string, existing: readonly string[], most = 5): string[] {
  const wanted = normal(given)
  return existing
    .map((name) => ({ name, away: distance(wanted, normal(name)) }))
    .sort((a, b) => a.away - b.away || a.name.localeCompare(b.name))
    .slice(0, most)
    .map((candidate) => candidate.name)
}

function normal(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9.]/g, '')
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)),
      )
    }
    row = next
  }
  return row[b.length]!
}
