import { mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import { createPool, type Pool, type PoolClient, transaction } from '@banyan/postgres'
import type { MovedTables } from '../plan.ts'
import { copyOut, digestTable, layoutOf } from './contents.ts'
import { defineTables, findTables } from './definition.ts'
import { checkFiles, keepRows, keepText, syncFolder } from './files.ts'
import {
  type Archive,
  type ArchivedTable,
  type ArchiveSeal,
  MANIFEST,
  type Manifest,
  openArchive,
  sealOf,
  sha256,
} from './manifest.ts'

export interface ArchiveOptions {
  readonly plan: MovedTables
  /** Of the monolith. */
  readonly databaseUrl: string
  /** Where it is to stand: new, or empty. */
  readonly folder: string
  /** Called, and waited for, when a table is written, and before all are read back. */
  onProgress?(
    done: { readonly table: string; readonly rows: number } | 'checking',
  ): void | Promise<void>
}

const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

/**
 * Writes the source's tables of an extraction, with all that makes them, into a folder, in one snapshot and one piece
 * of memory whatever their size. It stands at its place only when every file was read back and is what the
 * tables hold still.
 *
 * @throws BanyanError ARCHIVE_REFUSED, BAD_ARCHIVE
 */
export async function writeArchive(options: ArchiveOptions): Promise<Archive> {
  const { plan, databaseUrl, onProgress } = options
  const folder = resolve(options.folder)
  await requireEmpty(plan.name, folder)
  const unfinished = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`))
  const pool = createPool(databaseUrl, { name: 'banyan/archive', max: 1 })
  try {
    const manifest = await transaction(
      pool,
      (client) => write(client, options, unfinished),
      SNAPSHOT,
    )
    await keepText(join(unfinished, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
    await onProgress?.('checking')
    const written = await openArchive(unfinished)
    await checkFiles(written)
    await requireUnchanged(pool, plan, sealOf(written))
    await syncFolder(unfinished)
    await rmdir(folder).catch(() => {})
    await rename(unfinished, folder)
    await syncFolder(dirname(folder))
    return { ...written, folder }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  } finally {
    await pool.end()
  }
}

async function requireEmpty(extraction: string, folder: string): Promise<void> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw refused(extraction, `${folder} cannot be written: ${error.message}`)
  })
  if (there.length > 0) throw refused(extraction, `${folder} is not empty; nothing is written over`)
  await readdir(dirname(folder)).catch((error: NodeJS.ErrnoException) => {
    throw refused(extraction, `${dirname(folder)} cannot be read (${error.code}): make it first`)
  })
}

async function write(
  client: PoolClient,
  { plan, onProgress }: ArchiveOptions,
  folder: string,
): Promise<Manifest> {
  const { tables, missing } = await findTables(
    client,
    plan.tables.map((table) => table.source),
  )
  if (missing.length > 0) throw refused(plan.name, `${missing.join(', ')} is not there`)
  if (tables.length === 0) throw refused(plan.name, 'it moved no tables')
  const { requires, statements } = await defineTables(client, plan.name, tables)
  const about = await client.query<{ server: string; database: string }>(
    `SELECT current_setting('server_version') AS server, current_database()::text AS database`,
  )
  const archived: ArchivedTable[] = []
  for (const { oid, name } of tables.filter(({ kind }) => kind === 'r')) {
    const layout = await layoutOf(client, oid, name)
    const number = String(archived.length + 1).padStart(2, '0')
    const file = `${number}-${name.replace(/[^\w.]+/g, '_').slice(0, 80)}.copy.gz`
    const kept = await keepRows(join(folder, file), copyOut(client, layout))
    archived.push({ ...layout, file, ...kept })
    await onProgress?.({ table: name, rows: kept.contents.rows })
  }
  return {
    format: 'banyan-archive',
    version: 1,
    extraction: plan.name,
    at: new Date().toISOString(),
    ...about.rows[0]!,
    requires: [...requires],
    definition: [...statements],
    tables: archived,
  }
}

async function requireUnchanged(pool: Pool, plan: MovedTables, seal: ArchiveSeal): Promise<void> {
  const changed = await transaction(pool, (client) => changedSince(client, plan, seal), SNAPSHOT)
  if (changed === null) return
  throw refused(plan.name, `${changed} while it was written: find out who still uses the tables`)
}

/** What is not as an archive has it any more, in the client's snapshot; null when all is. */
export async function changedSince(
  client: PoolClient,
  plan: MovedTables,
  seal: Pick<ArchiveSeal, 'definition' | 'tables'>,
): Promise<string | null> {
  const { tables, missing } = await findTables(
    client,
    plan.tables.map((table) => table.source),
  )
  if (missing.length > 0) return `${missing.join(', ')} was dropped`
  const { statements } = await defineTables(client, plan.name, tables)
  const now = statements.map(({ what, sql }) => ({ what, sha256: sha256(sql) }))
  const missingIn = (all: ArchiveSeal['definition']) => {
    const known = new Set(all.map((one) => one.sha256))
    return (one: { readonly sha256: string }) => !known.has(one.sha256)
  }
  const other = now.find(missingIn(seal.definition)) ?? seal.definition.find(missingIn(now))
  if (other) return `the definition changed (${other.what})`
  for (const { oid, name } of tables.filter(({ kind }) => kind === 'r')) {
    const archived = seal.tables.find((table) => table.table === name)
    if (!archived) return `${name} was added`
    const digest = await digestTable(client, await layoutOf(client, oid, name))
    if (digest.sha256 !== archived.sha256) {
      return `rows of ${name} changed (${digest.rows} now, ${archived.rows} in the archive)`
    }
  }
  return null
}

function refused(extraction: string, reason: string): BanyanError {
  return new BanyanError('ARCHIVE_REFUSED', { extraction, reason })
}
