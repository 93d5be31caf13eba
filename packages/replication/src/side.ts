import { fileURLToPath } from 'node:url'
import { BanyanError } from '@banyan/contracts'
import { createPool, migrate, type Pool, type Queryable } from '@banyan/postgres'
import type { ResolvedTable } from './mapping.ts'
import { guardQuery } from './owner-path.ts'

/** Which of the two databases of an extraction. */
export type SideName = 'source' | 'target'

/** `forward` carries the source's changes to the target, `reverse` the target's to the source. */
export type StreamName = 'forward' | 'reverse'

const SQL_FOLDER = fileURLToPath(new URL('../sql', import.meta.url))

/** Name of the slot, the publication and the replication origin of one stream of an extraction. */
export function streamObjectName(extraction: string, stream: StreamName): string {
  return `banyan_${extraction.toLowerCase().replace(/[^a-z0-9]/g, '_')}_${stream}`
}

/**
 * How every session of ours shows in pg_stat_activity: whoever takes an extraction over ends those of it
 * below its token. PostgreSQL cuts the name at 63 characters; token and extraction (40) always fit.
 */
export function sessionName(extraction: string, token: bigint, purpose: string): string {
  return `banyan/${token}/${extraction}/${purpose}`.slice(0, 63)
}

/** A pool of one engine's sessions on one side. */
export function enginePool(
  url: string,
  extraction: string,
  token: bigint,
  purpose: string,
  max = 4,
): Pool {
  return createPool(url, { name: sessionName(extraction, token, purpose), max })
}

/** The oldest major with logical messages in pgoutput, which barriers are. */
export const OLDEST_MAJOR = 14

/** No such table, function or schema. */
const GONE = new Set(['42P01', '42883', '3F000'])
const TAKE_ATTEMPTS = 10

/**
 * Takes an extraction's side into the hands of `token`, with the schema installed: what an engine does
 * before it reads anything.
 *
 * @returns false when this side already knows the token or a higher one.
 */
export async function takeSide(pool: Pool, extraction: string, token: bigint): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    // Before anything waits for it: a paused engine may stand in the middle of taking the schema away.
    await endSessionsBelow(pool, extraction, token)
    await installSide(pool)
    try {
      return await raiseToken(pool, extraction, token)
    } catch (error) {
      // Another extraction, the last one here until now, has ended in between and dropped the schema.
      if (!GONE.has((error as { code?: string }).code ?? '') || attempt === TAKE_ATTEMPTS)
        throw error
    }
  }
}

/**
 * Installs the schema `banyan` on a side, once.
 *
 * @throws BanyanError `SERVER_TOO_OLD`.
 */
export async function installSide(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ version: string; number: number }>(
    `SELECT current_setting('server_version') AS version,
            current_setting('server_version_num')::int AS number`,
  )
  const { version, number } = rows[0]!
  if (number < OLDEST_MAJOR * 10_000) {
    throw new BanyanError('SERVER_TOO_OLD', { given: version, oldest: OLDEST_MAJOR })
  }
  await migrate(pool, 'banyan', SQL_FOLDER)
}

/**
 * Makes `token` the one that counts for an extraction on this side: first ends every session of a lower
 * token, its slots' readers included, then raises the number, so that nothing sent under it can still
 * land. Other extractions on the same database are left alone.
 *
 * @returns false when this side already knows the token or a higher one.
 */
export async function raiseToken(
  pool: Queryable,
  extraction: string,
  token: bigint,
): Promise<boolean> {
  await endSessionsBelow(pool, extraction, token)
  const { rows } = await pool.query<{ raised: boolean }>(
    'SELECT banyan.raise_token($1, $2) AS raised',
    [extraction, token.toString()],
  )
  // A session that connected between the two statements still carries the old token in its name.
  await endSessionsBelow(pool, extraction, token)
  return rows[0]!.raised
}

async function endSessionsBelow(pool: Queryable, extraction: string, token: bigint): Promise<void> {
  await pool.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name ~ '^banyan/[0-9]+/'
        AND split_part(application_name, '/', 2)::bigint < $1
        AND split_part(application_name, '/', 3) = $2`,
    [token.toString(), extraction],
  )
}

/** Puts the guard on one table of one side; once. */
export async function guardTable(
  db: Queryable,
  extraction: string,
  table: ResolvedTable,
  side: SideName,
): Promise<void> {
  // An array is written by writing its row, which its own entry guards.
  if (table.fold && side === 'target') return
  const path = table.owners[side]
  const fixed = path ? (path.hops[0]?.columns ?? [path.column]) : []
  await db.query('SELECT banyan.guard($1, $2::oid::regclass, $3, $4, $5::name[])', [
    extraction,
    table[side].oid,
    path && path.hops.length === 0 ? path.column : null,
    path && guardQuery(path),
    table.isParent ? fixed : [],
  ])
}

/** What a database still holds of ours; all of it must be gone after `complete` and `cancel`. */
export async function leftovers(pool: Queryable): Promise<string[]> {
  const { rows } = await pool.query<{ what: string }>(
    `SELECT 'slot ' || slot_name AS what FROM pg_replication_slots
       WHERE slot_name LIKE 'banyan\\_%' AND database = current_database()
     UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubname LIKE 'banyan\\_%'
     UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin WHERE roname LIKE 'banyan\\_%'
     UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger
       WHERE tgname LIKE '~banyan\\_%' AND NOT tgisinternal
     UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'banyan\\_%'
     UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'banyan'`,
  )
  return rows.map((row) => row.what)
}
