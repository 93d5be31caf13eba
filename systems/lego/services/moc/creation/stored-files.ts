import { madeOnce, noSuch } from '@banyan/service'
import { and, asc, eq, sql } from 'drizzle-orm'
import type { Context } from '../context.ts'
import { type Db, fail } from '../fail.ts'
import type { StoredMocFile, StoredMocFiles } from '../messages.ts'
import { storedFiles } from '../schema.ts'

type Row = typeof storedFiles.$inferSelect

const ofMoc = madeOnce((db: Db) =>
  db
    .select()
    .from(storedFiles)
    .where(eq(storedFiles.mocId, sql.placeholder('mocId')))
    .orderBy(asc(storedFiles.createdAt), storedFiles.id),
)

export async function listStoredFiles(db: Db, mocId: string): Promise<StoredMocFiles> {
  const rows = await ofMoc(db).execute({ mocId })
  return { files: rows.map(storedView) }
}

/** Where a file can be had for the next minutes. @throws BanyanError NOT_FOUND; CallError */
export async function downloadUrl(context: Context, mocId: string, id: string) {
  const [row] = await context.db
    .select({ id: storedFiles.id })
    .from(storedFiles)
    .where(and(eq(storedFiles.mocId, mocId), eq(storedFiles.id, id)))
  if (!row) throw noSuch('file')
  // As a download: what somebody uploaded must not run on Storage's origin.
  return storageOf(context).signedUrl({ query: { fileId: id, download: 'true' } })
}

/** @throws ServiceError FILES_NOT_SET_UP */
export function storageOf({ clients }: Context) {
  if (clients.storage) return clients.storage
  throw fail('FILES_NOT_SET_UP', { setting: 'STORAGE_URL' })
}

/** @throws ServiceError FILES_NOT_SET_UP */
export function processingOf({ clients }: Context) {
  if (clients.processing) return clients.processing
  throw fail('FILES_NOT_SET_UP', { setting: 'PROCESSING_URL' })
}

function storedView({ createdAt, ...rest }: Row): StoredMocFile {
  return { ...rest, createdAt: createdAt.toISOString() }
}
