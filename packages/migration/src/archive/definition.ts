import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import { attachedTo } from './attached.ts'
import type { Probe, Statement } from './manifest.ts'
import { routinesOf, typesOf } from './surroundings.ts'

/** An ordinary table, a partitioned one, or a partition. */
export interface OldTable {
  readonly oid: number
  /** `schema.table`, quoted where SQL wants it. */
  readonly name: string
  readonly schema: string
  /** As in pg_class: r (holds rows), p (its partitions do). */
  readonly kind: 'r' | 'p'
  readonly unlogged: boolean
  readonly options: readonly string[] | null
  readonly partitionKey: string | null
  readonly bound: string | null
  readonly parent: string | null
  /** Inherits, or is inherited from, and is no partition. */
  readonly inherits: boolean
}

/** All that a restore runs. */
export interface Definition {
  readonly requires: readonly Probe[]
  readonly statements: readonly Statement[]
}

/**
 * The tables of these names with their partitions, parents first; each once.
 *
 * @param names as the plan writes them.
 * @returns those that are there, and the names of those that are not.
 */
export async function findTables(
  db: Queryable,
  names: readonly string[],
): Promise<{ tables: OldTable[]; missing: string[] }> {
  const once = [...new Set(names)]
  const { rows: missing } = await db.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL',
    [once],
  )
  const { rows } = await db.query<OldTable>(TABLES, [once])
  return { tables: rows, missing: missing.map(({ name }) => name) }
}

const TABLES = `
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(n.nspname) AS schema, c.relkind AS kind,
         c.relpersistence = 'u' AS unlogged, c.reloptions AS options,
         pg_get_partkeydef(c.oid) AS "partitionKey", pg_get_expr(c.relpartbound, c.oid) AS bound,
         (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition) AS parent,
         EXISTS (SELECT FROM pg_inherits i WHERE (i.inhrelid = c.oid AND NOT c.relispartition)
                    OR (i.inhparent = c.oid AND c.relkind = 'r')) AS inherits
    FROM (SELECT found.relid, min(given.at) AS at, min(found.level) AS level
            FROM unnest($1::text[]) WITH ORDINALITY AS given (name, at)
           CROSS JOIN LATERAL (SELECT relid, level FROM pg_partition_tree(to_regclass(given.name))
                                UNION SELECT to_regclass(given.name), 0) AS found
           WHERE found.relid IS NOT NULL GROUP BY found.relid) AS one
    JOIN pg_class c ON c.oid = one.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   ORDER BY one.at, one.level, name`

/**
 * How these tables are made anew, with everything that hangs on them; not who owns them.
 *
 * @param values whether sequences go on where they stand; to ask takes the right to read them
 * @throws BanyanError ARCHIVE_REFUSED for what cannot be said.
 */
export async function defineTables(
  db: Queryable,
  extraction: string,
  tables: readonly OldTable[],
  values = true,
): Promise<Definition> {
  const odd = tables.find((table) => table.inherits || !['r', 'p'].includes(table.kind))
  if (odd) {
    throw new BanyanError('ARCHIVE_REFUSED', {
      extraction,
      reason: `${odd.name} is no ordinary or partitioned table (it inherits, or is inherited from): use pg_dump`,
    })
  }
  const oids = tables.map((table) => table.oid)
  const [types, routines, sequences] = [
    await typesOf(db, oids),
    await routinesOf(db, oids),
    await sequencesOf(db, oids, values),
  ]
  const schemas = new Set([
    ...tables.map((table) => table.schema),
    ...[...types.statements, ...routines].flatMap(({ schema }) => schema),
  ])
  const created: Statement[] = []
  for (const table of tables) created.push(await createTable(db, table, sequences))
  const plain = ({ schema: _, ...statement }: Statement & { schema: string }) => statement
  return {
    requires: types.requires,
    statements: [
      ...[...schemas].map(createSchema),
      ...types.statements.map(plain),
      ...sequences.filter((one) => !one.identity).map(createSequence),
      ...routines.map(plain),
      ...created,
      ...sequences.flatMap(afterRows),
      ...(await attachedTo(db, tables)),
    ],
  }
}

function createSchema(name: string): Statement {
  return {
    what: `schema ${name}`,
    sql: `CREATE SCHEMA ${name}`,
    when: 'before',
    unless: { kind: 'schema', name },
  }
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly collation: string | null
  readonly filled: string | null
  readonly generated: '' | 's' | 'v'
  readonly identity: '' | 'a' | 'd'
  readonly notNull: boolean
  /** Of the constraint, where it has one with a name (PostgreSQL 18). */
  readonly notNullName: string | null
  readonly storage: string | null
}

const COLUMNS = `
  SELECT quote_ident(a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type,
         CASE WHEN a.attcollation <> t.typcollation
              THEN (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c
                      JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) END AS collation,
         pg_get_expr(d.adbin, d.adrelid) AS filled, a.attgenerated AS generated, a.attidentity AS identity,
         a.attnotnull AS "notNull",
         (SELECT quote_ident(conname) FROM pg_constraint
           WHERE conrelid = a.attrelid AND contype = 'n' AND conkey = ARRAY[a.attnum]) AS "notNullName",
         CASE WHEN a.attstorage <> t.typstorage
              THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
         END AS storage
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
   ORDER BY a.attnum`

async function createTable(
  db: Queryable,
  table: OldTable,
  sequences: readonly Sequence[],
): Promise<Statement> {
  const { rows } = await db.query<ColumnRow>(COLUMNS, [table.oid])
  const columns = rows.map((column) => {
    const own = sequences.find((one) => one.table === table.name && one.column === column.name)
    return `  ${columnText(column, own)}`
  })
  const persistence = table.unlogged ? 'UNLOGGED ' : ''
  const partitioned = table.partitionKey ? ` PARTITION BY ${table.partitionKey}` : ''
  const options = table.options ? ` WITH (${table.options.join(', ')})` : ''
  const stored = rows.flatMap(({ name, storage }) =>
    storage ? [`;\nALTER TABLE ONLY ${table.name} ALTER ${name} SET STORAGE ${storage}`] : [],
  )
  return {
    what: `table ${table.name}`,
    sql: `CREATE ${persistence}TABLE ${table.name} (\n${columns.join(',\n')}\n)${partitioned}${options}${stored.join('')}`,
    when: 'before',
  }
}

function columnText(column: ColumnRow, sequence: Sequence | undefined): string {
  const { name, type, collation, filled, generated, identity, notNull, notNullName } = column
  const parts = [name, type]
  if (collation) parts.push(`COLLATE ${collation}`)
  if (generated)
    parts.push(`GENERATED ALWAYS AS (${filled}) ${generated === 's' ? 'STORED' : 'VIRTUAL'}`)
  else if (identity) {
    const options = sequence ? ` (SEQUENCE NAME ${sequence.name} ${sequence.options})` : ''
    parts.push(`GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY${options}`)
  } else if (filled !== null) parts.push(`DEFAULT ${filled}`)
  if (notNull) parts.push(`${notNullName ? `CONSTRAINT ${notNullName} ` : ''}NOT NULL`)
  return parts.join(' ')
}

/** A sequence that belongs to a column, and goes with it. */
export interface Sequence {
  readonly oid: number
  readonly name: string
  readonly type: string
  readonly options: string
  readonly identity: boolean
  readonly table: string
  readonly column: string
  /** Where it stands; null where nobody asked. */
  readonly value: { readonly last: string; readonly called: boolean } | null
}

/** Sequences that belong to columns of these tables. */
export async function sequencesOf(
  db: Queryable,
  oids: readonly number[],
  values = true,
): Promise<Sequence[]> {
  const { rows } = await db.query<Omit<Sequence, 'value'>>(SEQUENCES, [oids])
  if (!values) return rows.map((row) => ({ ...row, value: null }))
  const found: Sequence[] = []
  for (const row of rows) {
    const value = await db.query<{ last: string; called: boolean }>(
      `SELECT last_value::text AS last, is_called AS called FROM ${row.name}`,
    )
    found.push({ ...row, value: value.rows[0]! })
  }
  return found
}

const SEQUENCES = `
  SELECT s.seqrelid AS oid, format('%I.%I', n.nspname, c.relname) AS name, format_type(s.seqtypid, NULL) AS type,
         format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement,
                s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) AS options,
         d.deptype = 'i' AS identity, format('%I.%I', tn.nspname, t.relname) AS table, quote_ident(a.attname) AS column
    FROM pg_depend d
    JOIN pg_sequence s ON s.seqrelid = d.objid
    JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjid = ANY ($1::oid[]) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
   ORDER BY 2`

function createSequence({ name, type, options }: Sequence): Statement {
  return {
    what: `sequence ${name}`,
    sql: `CREATE SEQUENCE ${name} AS ${type} ${options}`,
    when: 'before',
  }
}

function afterRows({ name, identity, table, column, value }: Sequence): Statement[] {
  const found: Statement[] = []
  if (value) {
    found.push({
      what: `next value of ${name}`,
      sql: `SELECT setval('${name.replaceAll("'", "''")}', ${value.last}, ${value.called})`,
      when: 'after',
    })
  }
  if (!identity) {
    found.push({
      what: `owner of ${name}`,
      sql: `ALTER SEQUENCE ${name} OWNED BY ${table}.${column}`,
      when: 'after',
    })
  }
  return found
}
