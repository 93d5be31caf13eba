import { noSuch } from '@banyan/service'
import { and, asc, eq, getTableColumns } from 'drizzle-orm'
import type { Db, Tx } from './fail.ts'
import type { FileForm, MocFile, MocFiles } from './messages.ts'
import { lockOwnMoc, requireInstructions } from './mocs.ts'
import { files } from './schema.ts'
import type { Upload } from './upload.ts'

const { content: _content, ...summary } = getTableColumns(files)

/** @throws BanyanError NOT_FOUND, FORBIDDEN for another's */
export async function addFile(
  { db }: Tx,
  ownerId: string,
  mocId: string,
  { name, mimeType, content }: Upload,
  { kind }: FileForm,
): Promise<MocFile> {
  await lockOwnMoc(db, ownerId, mocId)
  const [row] = await db
    .insert(files)
    .values({ mocId, kind, fileName: name, mimeType, sizeBytes: content.length, content })
    .returning(summary)
  return view(row!)
}

export async function listFiles(db: Db, mocId: string): Promise<MocFiles> {
  const rows = await db
    .select(summary)
    .from(files)
    .where(eq(files.mocId, mocId))
    .orderBy(asc(files.createdAt), files.id)
  return { files: rows.map(view) }
}

/** With its content. @throws BanyanError NOT_FOUND */
export async function readFile(db: Db, mocId: string, id: string) {
  const [row] = await db.select().from(files).where(inMoc(mocId, id))
  if (!row) throw noSuch('file')
  return row
}

/**
 * Deletes a file; the last instructions of a complete MOC stay.
 *
 * @throws BanyanError NOT_FOUND, FORBIDDEN for another's, ServiceError NO_INSTRUCTIONS
 */
export async function deleteFile(
  { db }: Tx,
  ownerId: string,
  mocId: string,
  id: string,
): Promise<void> {
  const moc = await lockOwnMoc(db, ownerId, mocId)
  const [gone] = await db.delete(files).where(inMoc(mocId, id)).returning({ kind: files.kind })
  if (!gone) throw noSuch('file')
  if (moc.status === 'complete' && gone.kind === 'instruction') await requireInstructions(db, mocId)
}

function view({ createdAt, ...rest }: Omit<typeof files.$inferSelect, 'content'>): MocFile {
  return { ...rest, createdAt: createdAt.toISOString() }
}

function inMoc(mocId: string, id: string) {
  return and(eq(files.mocId, mocId), eq(files.id, id))
}
