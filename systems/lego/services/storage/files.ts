import { randomUUID } from 'node:crypto'
import { noSuch, type Transaction } from '@banyan/service'
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { fail } from './errors.ts'
import { FileDeleted, FileProcessed, FileStored } from './events.ts'
import type { ImageFacts, NewFile, Prefix, StoredFile, StoredVariant, Usage } from './messages.ts'
import * as tables from './schema.ts'

const { files } = tables
type Tx = Transaction<typeof tables>
type Db = Tx['db']
export type FileRow = typeof files.$inferSelect

const alive = sql`${files.expiresAt} > now()`
const inMs = (ms: number) => sql`now() + ${ms} * interval '1 ms'`

/** What counts against a quota: stored files, and what is reserved for uploads whose time is not over. */
async function usedBytes(db: Db, ownerId: string): Promise<number> {
  const counts = sql`${files.state} IN ('clean', 'processed') OR ${alive}`
  const [row] = await db
    .select({ used: sql<string>`coalesce(sum(${files.size}), 0)` })
    .from(files)
    .where(
      and(
        eq(files.ownerId, ownerId),
        sql`${files.state} IN ('uploading', 'scanning', 'clean', 'processed')`,
        sql`(${counts})`,
      ),
    )
  return Number(row!.used)
}

export async function usageOf(db: Db, ownerId: string, quotaBytes: number): Promise<Usage> {
  return { usedBytes: await usedBytes(db, ownerId), quotaBytes }
}

/**
 * Begins an upload: reserves room, or finds that the file is stored already.
 *
 * @param bytes at most so many will come
 */
export async function reserve(
  { db }: Tx,
  wish: NewFile,
  bytes: number,
  { quotaBytes, limitMs }: { quotaBytes: number; limitMs: number },
): Promise<{ stored: FileRow } | { reserved: FileRow }> {
  const id = wish.fileId ?? randomUUID()
  // One after the other for an owner: two at once would each find room for themselves alone.
  await db.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended(${`storage.quota ${wish.ownerId}`}, 0))`,
  )
  const [former] = await db.select().from(files).where(eq(files.id, id)).for('update')
  if (former) {
    if (former.ownerId !== wish.ownerId || former.prefix !== wish.prefix) {
      throw fail('FILE_ID_TAKEN', { fileId: id })
    }
    if (isStored(former)) return { stored: former }
    if (former.state === 'infected') throw fail('FILE_INFECTED', { finding: former.problem })
    if (former.state === 'deleted') throw fail('FILE_GONE', { fileId: id })
    if (former.expiresAt! > (await now(db))) throw fail('UPLOAD_RUNNING', { fileId: id })
  }
  const used = await usedBytes(db, wish.ownerId)
  if (used + bytes > quotaBytes) {
    throw fail('QUOTA_EXCEEDED', { needed: bytes, used, quota: quotaBytes })
  }
  const { ownerId, prefix, fileName, contentType, watermark } = wish
  const values = {
    ...{ ownerId, prefix, fileName, contentType, watermark, size: bytes },
    attempt: randomUUID(),
    state: 'uploading' as const,
    expiresAt: inMs(limitMs),
    updatedAt: sql`now()`,
  }
  const [reserved] = await db
    .insert(files)
    .values({ id, ...values })
    .onConflictDoUpdate({ target: files.id, set: values })
    .returning()
  return { reserved: reserved! }
}

/** What came is there; its real size counts from now on. @returns whether the upload has its row still */
export async function markScanning(
  db: Db,
  row: FileRow,
  { size, sha256, limitMs }: { size: number; sha256: string | null; limitMs: number },
): Promise<boolean> {
  const expiresAt = inMs(limitMs)
  return change(db, own(row, 'uploading'), { state: 'scanning', size, sha256, expiresAt })
}

/** The file is stored, and said to be. @returns null when its time was over before */
export async function confirm(tx: Tx, row: FileRow, scannedBy: string): Promise<FileRow | null> {
  const [stored] = await tx.db
    .update(files)
    .set({ state: 'clean', scannedBy, expiresAt: null, updatedAt: sql`now()` })
    .where(own(row, 'scanning'))
    .returning()
  if (!stored) return null
  await tx.publish(FileStored.of({ ownerId: stored.ownerId, file: shown(stored) }), {
    key: stored.ownerId,
  })
  return stored
}

/** Keeps what the scanner found; the file counts no more, and its bytes are to be removed. */
export async function markInfected(db: Db, row: FileRow, problem: string): Promise<void> {
  await change(db, own(row, 'scanning'), { state: 'infected', problem, expiresAt: null })
}

/** Nothing came of the upload. */
export async function forget(db: Db, row: Pick<FileRow, 'id' | 'attempt'>): Promise<void> {
  await db
    .delete(files)
    .where(
      and(
        eq(files.id, row.id),
        eq(files.attempt, row.attempt),
        inArray(files.state, ['uploading', 'scanning']),
      ),
    )
}

/** Once, however often it is called: what the image is, its variants, or why it has none. */
export async function markProcessed(
  tx: Tx,
  id: string,
  found: { image: ImageFacts | null; variants: readonly StoredVariant[]; problem: string | null },
): Promise<boolean> {
  const [row] = await tx.db
    .update(files)
    .set({ ...found, state: 'processed', updatedAt: sql`now()` })
    .where(and(eq(files.id, id), eq(files.state, 'clean')))
    .returning()
  if (!row) return false
  await tx.publish(FileProcessed.of({ ownerId: row.ownerId, file: shown(row) }), {
    key: row.ownerId,
  })
  return true
}

/** @throws NOT_FOUND for one that is not there, or not confirmed */
export async function getStored(db: Db, id: string): Promise<FileRow> {
  const [row] = await db.select().from(files).where(eq(files.id, id))
  if (!row || !isStored(row)) throw noSuch('file')
  return row
}

/** What a user keeps below a prefix. @throws NOT_FOUND for one that is not there, or another's */
export async function getOwn(
  db: Db,
  { id, ownerId, prefix }: Pick<FileRow, 'id' | 'ownerId' | 'prefix'>,
): Promise<FileRow> {
  const row = await getStored(db, id)
  if (row.ownerId !== ownerId || row.prefix !== prefix) throw noSuch('file')
  return row
}

/** In the order of the bytes of `OWNER/ID/NAME`, from the first one after such a key. */
export async function listStored(
  db: Db,
  prefix: Prefix,
  after: string,
  limit: number,
): Promise<FileRow[]> {
  const key = sql`(owner_id || '/' || id::text || '/' || file_name) COLLATE "C"`
  return db
    .select()
    .from(files)
    .where(
      sql`${eq(files.prefix, prefix)} AND state IN ('clean', 'processed') AND ${key} > ${after}`,
    )
    .orderBy(key)
    .limit(limit)
}

/** Those that were there; they count no more, and their bytes are to be removed. */
export async function markDeleted(tx: Tx, ids: readonly string[]): Promise<FileRow[]> {
  const rows = await tx.db
    .update(files)
    .set({ state: 'deleted', updatedAt: sql`now()` })
    .where(and(inArray(files.id, [...ids]), inArray(files.state, ['clean', 'processed'])))
    .returning()
  for (const { id: fileId, ownerId } of rows) {
    await tx.publish(FileDeleted.of({ ownerId, fileId }), { key: ownerId })
  }
  return rows
}

export async function markBytesGone(db: Db, id: string): Promise<void> {
  await change(db, eq(files.id, id), { bytesGone: true })
}

export function shown(row: FileRow): StoredFile {
  const { id, ownerId, prefix, fileName, contentType, size, image, variants, problem } = row
  return {
    ...{ id, ownerId, prefix, fileName, contentType, size, image, problem },
    sha256: row.sha256!,
    state: row.state as StoredFile['state'],
    scannedBy: row.scannedBy!,
    variants: [...variants],
    createdAt: row.createdAt.toISOString(),
  }
}

function isStored({ state }: FileRow): boolean {
  return state === 'clean' || state === 'processed'
}

/** The row, if it is this upload's still and its time is not over. */
function own({ id, attempt }: FileRow, state: 'uploading' | 'scanning'): SQL | undefined {
  return and(eq(files.id, id), eq(files.attempt, attempt), eq(files.state, state), alive)
}

type Changes = Parameters<ReturnType<Db['update']>['set']>[0]

async function change(db: Db, which: SQL | undefined, to: Changes): Promise<boolean> {
  const { rowCount } = await db
    .update(files)
    .set({ ...to, updatedAt: sql`now()` })
    .where(which)
  return rowCount === 1
}

async function now(db: Db): Promise<Date> {
  const { rows } = await db.execute<{ now: string }>(sql`SELECT now() AS now`)
  return new Date(rows[0]!.now)
}
