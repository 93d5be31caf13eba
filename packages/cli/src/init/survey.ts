import { setTimeout as delay } from 'node:timers/promises'
import { createPool, type PoolClient, transaction } from '@banyan/postgres'
import { APPLICATION_TABLES, requireReach, requireReadable } from './readable.ts'

/** What a database says of itself: no row of the application is read. */
export interface Survey {
  readonly database: string
  readonly tables: readonly SurveyedTable[]
  readonly references: readonly Reference[]
  readonly counted: Counted
}

export interface SurveyedTable {
  /** `schema.table`, quoted where SQL wants it. */
  readonly name: string
  readonly schema: string
  /** Without schema and quotes. */
  readonly bare: string
  readonly columns: readonly SurveyedColumn[]
  readonly key: readonly string[]
  /** As the server estimates them. */
  readonly rows: number
  /** With indexes and what is stored out of line. */
  readonly bytes: number
  /** Inserted, updated and deleted rows that the server has counted; for a rate, see `Counted`. */
  readonly writes: number
  /** Rows written a second; null when nobody knows since when they were counted. */
  readonly writesPerSecond: number | null
}

export interface SurveyedColumn {
  readonly name: string
  readonly type: string
  readonly required: boolean
}

/** A foreign key. */
export interface Reference {
  readonly from: string
  readonly to: string
  readonly columns: readonly string[]
  readonly required: boolean
  /** A row goes with the one it refers to. */
  readonly cascades: boolean
  /** Its columns are part of the row's own key. */
  readonly inKey: boolean
  /** As `through` of a plan asks for it: validated, and not deferrable. */
  readonly firm: boolean
}

/** Over which time writes were counted. */
export type Counted =
  | { readonly since: 'reset'; readonly at: string }
  | { readonly since: 'look'; readonly seconds: number }
  | { readonly since: 'unknown' }

/** Catalogs answer at once; a server that does not is in trouble enough. */
const STATEMENT_TIMEOUT_MS = 10_000

/**
 * Tables, keys, foreign keys, sizes and writes of a database, all from its catalogs and statistics, in READ ONLY
 * transactions.
 *
 * @param seconds how long writes are counted where the server does not say since when it counts; 0: not at all
 * @throws CommandError DATABASE_UNREADABLE that says which right is missing, and how to grant it
 */
export async function survey(url: string, seconds: number): Promise<Survey> {
  const pool = createPool(url, {
    name: 'banyan/init',
    max: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  const reading = <T>(work: (client: PoolClient) => Promise<T>) =>
    transaction(pool, work, 'BEGIN READ ONLY')
  try {
    await requireReach(pool, url)
    const first = await reading(async (client) => {
      await requireReadable(client)
      const { rows: about } = await client.query<{ database: string; reset: Date | null }>(ABOUT)
      const { rows: tables } = await client.query<TableRow>(TABLES)
      const { rows: references } = await client.query<Reference>(REFERENCES)
      return { ...about[0]!, tables, references }
    })
    const { database, reset, tables, references } = first
    if (reset !== null || seconds === 0) {
      const passed = reset === null ? null : (Date.now() - reset.getTime()) / 1_000
      const counted: Counted =
        reset === null ? { since: 'unknown' } : { since: 'reset', at: reset.toISOString() }
      return { database, references, counted, tables: withRates(tables, passed, () => 0) }
    }
    await delay(seconds * 1_000)
    const later = await reading((client) => client.query<TableRow>(TABLES))
    const before = new Map(tables.map(({ name, writes }) => [name, writes]))
    return {
      database,
      references,
      counted: { since: 'look', seconds },
      tables: withRates(later.rows, seconds, ({ name, writes }) => before.get(name) ?? writes),
    }
  } finally {
    await pool.end()
  }
}

type TableRow = Omit<SurveyedTable, 'writesPerSecond'>

function withRates(
  tables: readonly TableRow[],
  seconds: number | null,
  before: (table: TableRow) => number,
): SurveyedTable[] {
  return tables.map((table) => ({
    ...table,
    writesPerSecond: seconds === null ? null : Math.max(0, table.writes - before(table)) / seconds,
  }))
}

const ABOUT = `
  SELECT current_database()::text AS database,
         (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS reset`

const TABLES = `
  SELECT format('%I.%I', t.nspname, t.relname) AS name, t.nspname::text AS schema, t.relname::text AS bare,
         (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                                                     'required', a.attnotnull) ORDER BY a.attnum), '[]')
            FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')
            FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
           WHERE i.indrelid = t.oid AND i.indisprimary) AS key,
         parts.rows, parts.bytes, parts.writes
    FROM (${APPLICATION_TABLES}) AS t
   CROSS JOIN LATERAL (
     SELECT coalesce(sum(CASE WHEN c.reltuples < 0 THEN s.n_live_tup ELSE c.reltuples END), 0)::float8 AS rows,
            coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 AS bytes,
            coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::float8 AS writes
       FROM (SELECT t.oid AS relid UNION SELECT relid FROM pg_partition_tree(t.oid)) AS part
       JOIN pg_class c ON c.oid = part.relid AND c.relkind = 'r'
       LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid) AS parts
   ORDER BY 1`

const named = (oid: string) =>
  `(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`

const REFERENCES = `
  SELECT ${named('f.conrelid')} AS "from", ${named('f.confrelid')} AS "to", f.confdeltype = 'c' AS cascades,
         f.convalidated AND NOT f.condeferrable AS firm,
         (SELECT json_agg(a.attname ORDER BY k.place)
            FROM unnest(f.conkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number) AS columns,
         (SELECT bool_and(a.attnotnull) FROM pg_attribute a
           WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)) AS required,
         EXISTS (SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indisprimary
                    AND f.conkey <@ i.indkey::int2[]) AS "inKey"
    FROM pg_constraint f
   WHERE f.contype = 'f' AND f.conparentid = 0
     AND f.conrelid IN (SELECT oid FROM (${APPLICATION_TABLES}) AS t)
     AND f.confrelid IN (SELECT oid FROM (${APPLICATION_TABLES}) AS t)
   ORDER BY 1, 2, f.conname`
