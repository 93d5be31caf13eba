import { BanyanError } from '@banyan/contracts'
import { createPool, type PoolClient, transaction } from '@banyan/postgres'
import { from as copyFrom } from 'pg-copy-streams'
import { digestTable } from './contents.ts'
import { passRows } from './files.ts'
import { type Archive, openArchive, type Probe, type Statement } from './manifest.ts'

export interface Restored {
  readonly tables: readonly { readonly table: string; readonly rows: number }[]
  /** What could not be made, and why: a role or a table that it speaks of is not in this database. */
  readonly skipped: readonly { readonly what: string; readonly missing: readonly string[] }[]
}

const EXISTS: Record<Probe['kind'], string> = {
  schema: 'to_regnamespace($1)',
  type: 'to_regtype($1)',
  routine: 'to_regprocedure($1)',
  role: 'to_regrole($1)',
  table: 'to_regclass($1)',
}

/**
 * Makes the tables of an archive anew, with their rows, keys, indexes, sequences and triggers: all of it in one
 * transaction, and kept only when the tables then hold what the archive says.
 *
 * @throws BanyanError BAD_ARCHIVE, RESTORE_REFUSED; what the database answers.
 */
export async function restoreArchive(folder: string, databaseUrl: string): Promise<Restored> {
  const archive = await openArchive(folder)
  const pool = createPool(databaseUrl, { name: 'banyan/restore', max: 1 })
  try {
    return await transaction(pool, (client) => restore(client, archive))
  } finally {
    await pool.end()
  }
}

async function restore(client: PoolClient, archive: Archive): Promise<Restored> {
  const { manifest } = archive
  await requireRoom(client, archive)
  // A function may name what is made after it.
  await client.query('SET LOCAL check_function_bodies = off')
  const skipped: { what: string; missing: string[] }[] = []
  const run = async (when: Statement['when']) => {
    for (const statement of manifest.definition.filter((one) => one.when === when)) {
      const missing = await runOne(client, statement)
      if (missing.length > 0) skipped.push({ what: statement.what, missing })
    }
  }
  await run('before')
  for (const table of manifest.tables) {
    const into = client.query(
      copyFrom(`COPY ${table.table} (${table.columns.join(', ')}) FROM STDIN`),
    )
    await passRows(archive, table, into)
  }
  await run('after')
  for (const table of manifest.tables) {
    const { rows, sha256 } = await digestTable(client, table)
    if (sha256 !== table.contents.sha256) {
      const reason = `${table.table} holds ${rows} rows that are not those of the archive; nothing was kept`
      throw new BanyanError('RESTORE_REFUSED', { reason })
    }
  }
  return {
    tables: manifest.tables.map(({ table, contents }) => ({ table, rows: contents.rows })),
    skipped,
  }
}

/** Nothing is written over, and what the archive does not hold must be there. */
async function requireRoom(client: PoolClient, { manifest }: Archive): Promise<void> {
  const taken: string[] = []
  for (const { table } of manifest.tables) {
    if (await exists(client, { kind: 'table', name: table })) taken.push(table)
  }
  if (taken.length > 0) {
    const reason = `${taken.join(', ')} is there already; nothing is written over`
    throw new BanyanError('RESTORE_REFUSED', { reason })
  }
  const missing: string[] = []
  for (const probe of manifest.requires) {
    if (!(await exists(client, probe))) missing.push(`${probe.kind} ${probe.name}`)
  }
  if (missing.length > 0) {
    const reason = `${missing.join(', ')} is needed, and not in the archive: make it first`
    throw new BanyanError('RESTORE_REFUSED', { reason })
  }
}

/** @returns what is missing; then it was not run. */
async function runOne(
  client: PoolClient,
  { what, sql, unless, needs }: Statement,
): Promise<string[]> {
  if (unless && (await exists(client, unless))) return []
  const missing: string[] = []
  for (const probe of needs ?? []) {
    if (!(await exists(client, probe))) missing.push(`${probe.kind} ${probe.name}`)
  }
  if (missing.length > 0) return missing
  try {
    await client.query(sql)
  } catch (error) {
    const reason = `${what}: ${(error as Error).message}; nothing was kept`
    throw new BanyanError('RESTORE_REFUSED', { reason }, { cause: error })
  }
  return []
}

async function exists(client: PoolClient, { kind, name }: Probe): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT ${EXISTS[kind]} IS NOT NULL AS there`,
    [name],
  )
  return rows[0]!.there
}
