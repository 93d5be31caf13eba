import { createPool, type Pool, transaction } from '@banyan/postgres'
import { type SideName, streamObjectName, type TableSpec } from '@banyan/replication'
import pg from 'pg'
import type { Plan, ResolvedTables } from '../plan.ts'

/** What the checks look at: the plan and both databases, which they can only read. */
export interface Scene {
  readonly plan: Plan
  readonly extraction: ResolvedTables
  readonly source: SideView
  readonly target: SideView
}

/** One of the two databases, through READ ONLY transactions. */
export interface SideView {
  readonly name: SideName
  readonly database: string
  readonly role: string
  /** As `server_version_num`: 180001 is 18.1. */
  readonly version: number
  /** The plan's tables that exist here. */
  readonly tables: readonly SeenTable[]
  /** Whether this extraction is installed here already. */
  readonly started: boolean
  /** Our slot, publication and origin names for this extraction. */
  readonly ownNames: readonly string[]
  /** Runs one query in a READ ONLY transaction of its own. */
  rows<T>(sql: string, values?: readonly unknown[]): Promise<T[]>
}

export interface SeenTable {
  readonly spec: TableSpec
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** `"schema"."table"`. */
  readonly quoted: string
  /** Column of the owner key on this side; null when there is none. */
  readonly owner: string | null
}

/** A check must not outlast the patience of whoever waits for the doctor, nor load the monolith. */
const STATEMENT_TIMEOUT_MS = 10_000

/** A pool that the doctor uses; every transaction in it is begun READ ONLY. */
export function doctorPool(url: string): Pool {
  return createPool(url, {
    name: 'banyan/doctor',
    max: 2,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
}

export const READ_ONLY = 'BEGIN READ ONLY'

/** Looks at one side; the tables that are not there are left out (`table-missing` reports them). */
export async function viewSide(
  pool: Pool,
  name: SideName,
  extraction: ResolvedTables,
): Promise<SideView> {
  const rows = async <T>(sql: string, values: readonly unknown[] = []): Promise<T[]> => {
    const answer = await transaction(pool, (client) => client.query(sql, [...values]), READ_ONLY)
    return answer.rows as T[]
  }
  const about = await rows<{ database: string; role: string; version: number; ours: boolean }>(
    `SELECT current_database()::text AS database, current_user::text AS role,
            current_setting('server_version_num')::int AS version,
            to_regclass('banyan.extraction') IS NOT NULL AS ours`,
  )
  const { database, role, version, ours } = about[0]!
  const started = ours
    ? (await rows('SELECT 1 FROM banyan.extraction WHERE extraction = $1', [extraction.name]))
        .length > 0
    : false
  const tables: SeenTable[] = []
  for (const spec of extraction.tables) {
    const seen = await see(rows, spec, name)
    if (seen) tables.push(seen)
  }
  const ownNames = (['forward', 'reverse'] as const).map((stream) =>
    streamObjectName(extraction.name, stream),
  )
  return { name, database, role, version, started, tables, ownNames, rows }
}

async function see(
  rows: SideView['rows'],
  spec: TableSpec,
  side: SideName,
): Promise<SeenTable | null> {
  // A name that does not even parse raises; the mapping check reports it in better words.
  const found = await rows<{ oid: number; schema: string; name: string }>(
    `SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass($1)`,
    [spec[side]],
  ).catch(() => [])
  const table = found[0]
  if (!table) return null
  return {
    spec,
    ...table,
    quoted: `${ident(table.schema)}.${ident(table.name)}`,
    owner: side === 'target' ? ownerOnTarget(spec) : ownColumn(spec),
  }
}

function ownColumn({ owner }: TableSpec): string | null {
  return typeof owner === 'string' ? owner : null
}

function ownerOnTarget(spec: TableSpec): string | null {
  const owner = ownColumn(spec)
  // Whose an element is, its row says, which is looked at itself.
  if (owner === null || spec.fold) return null
  const renamed = Object.entries(spec.forward ?? {}).find(([, from]) => from === owner)
  return renamed?.[0] ?? owner
}

/** `"name"`, quoted for SQL. */
export function ident(name: string): string {
  return pg.escapeIdentifier(name)
}

/** What a finding about a table names. */
export function at(side: SideView, table: { readonly quoted: string }): string {
  return `${side.name} ${table.quoted}`
}

/** The oids of a side's moved tables, for `= ANY ($1::oid[])`. */
export function oids(side: SideView): number[] {
  return side.tables.map((table) => table.oid)
}
