import { databaseReach } from '@banyan/migration'
import type { Pool, PoolClient } from '@banyan/postgres'
import { CommandError } from '../failure.ts'

/** The application's: not the server's, not an extension's, not ours; a partition is its table's. */
export const APPLICATION_TABLES = `
  SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
     AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT LIKE 'banyan%'
     AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

const MISSING = `
  SELECT current_user::text AS role, quote_ident(current_user) AS grantee, quote_ident(nspname) AS schema,
         bool_and(has_schema_privilege(nspname, 'USAGE')) AS usable, count(*)::int AS tables,
         array_agg(format('%I.%I', nspname, relname) ORDER BY relname)
           FILTER (WHERE NOT has_table_privilege(oid, 'SELECT')) AS closed
    FROM (${APPLICATION_TABLES}) AS t
   GROUP BY nspname ORDER BY nspname`

interface Schema {
  readonly role: string
  readonly grantee: string
  readonly schema: string
  readonly usable: boolean
  readonly tables: number
  /** Tables that the role may not read; null: none. */
  readonly closed: readonly string[] | null
}

/** @throws CommandError DATABASE_UNREADABLE when no session comes about */
export async function requireReach(pool: Pool, url: string): Promise<void> {
  const found = await databaseReach(pool, 'source', url, '--database')
  if (!found) return
  const reason = `${found.subject.replace('source ', '')}: ${found.finding.replace(/\.$/, '')}`
  throw new CommandError('DATABASE_UNREADABLE', { reason }, found.mend)
}

/**
 * That the role may read every table. Their names alone would be enough for a proposal, but not for the move.
 *
 * @throws CommandError DATABASE_UNREADABLE that names what is missing, with the GRANT
 */
export async function requireReadable(client: PoolClient): Promise<void> {
  const { rows } = await client.query<Schema>(MISSING)
  const short = rows.filter(({ usable, closed }) => !usable || closed !== null)
  if (short.length === 0) return
  const { role } = short[0]!
  const reason = `role "${role}" lacks ${short.map(lackOf).join(', and ')}`
  const next = `As the owner, or a superuser: ${short.flatMap(grantsOf).join(' ')}`
  throw new CommandError('DATABASE_UNREADABLE', { reason }, next)
}

function lackOf({ schema, usable, closed, tables }: Schema): string {
  const lacks: string[] = []
  if (!usable) lacks.push(`USAGE on schema ${schema}`)
  if (closed) lacks.push(`SELECT on ${closed.length} of ${tables} tables in it (${some(closed)})`)
  return `${lacks.join(' and ')}${usable ? `, schema ${schema}` : ''}`
}

function grantsOf({ schema, grantee, usable, closed, tables }: Schema): string[] {
  const grants: string[] = []
  if (!usable) grants.push(`GRANT USAGE ON SCHEMA ${schema} TO ${grantee};`)
  if (closed?.length === tables) {
    grants.push(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${grantee};`)
  } else if (closed) grants.push(`GRANT SELECT ON ${closed.join(', ')} TO ${grantee};`)
  return grants
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}
