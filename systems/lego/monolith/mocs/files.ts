import { and, asc, eq, getTableColumns, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../db/connect.ts'
import { FILE_KINDS, mocFiles } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import type { Services } from '../services/services.ts'
import { keepFile } from './keep-file.ts'
import { lockOwnMoc } from './mocs.ts'
import type { Upload } from './upload.ts'

const { content: _content, ...summary } = getTableColumns(mocFiles)

export const FileForm = z.object({ kind: z.enum(FILE_KINDS).default('instruction') })

export async function addFile(
  db: Database,
  services: Services,
  userId: string,
  mocId: string,
  upload: Upload,
  { kind }: z.infer<typeof FileForm>,
) {
  const write = (id: string) =>
    db.transaction(async (tx) => {
      await lockOwnMoc(tx, userId, mocId)
      const [row] = await tx
        .insert(mocFiles)
        .values({
          id,
          mocId,
          kind,
          fileName: upload.name,
          mimeType: upload.mimeType,
          sizeBytes: upload.content.length,
          content: upload.content,
        })
        .returning(summary)
      return row!
    })
  return keepFile(db, services, { userId, mocId }, upload, write)
}

export async function listFiles(db: Database, mocId: string) {
  const rows = await db
    .select(summary)
    .from(mocFiles)
    .where(eq(mocFiles.mocId, mocId))
    .orderBy(asc(mocFiles.createdAt), mocFiles.id)
  return { files: rows }
}

export async function readFile(db: Database, mocId: string, id: string) {
  const [row] = await db.select().from(mocFiles).where(inMoc(mocId, id))
  if (!row) throw notFound('file')
  return row
}

/** Deletes a file; the last instructions of a complete MOC stay. */
export async function deleteFile(
  db: Database,
  { storage }: Services,
  userId: string,
  mocId: string,
  id: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    const moc = await lockOwnMoc(tx, userId, mocId)
    const [gone] = await tx.delete(mocFiles).where(inMoc(mocId, id)).returning(summary)
    if (!gone) throw notFound('file')
    if (moc.status !== 'complete' || gone.kind !== 'instruction') return
    const [left] = await tx
      .select({ one: sql`1` })
      .from(mocFiles)
      .where(and(eq(mocFiles.mocId, mocId), eq(mocFiles.kind, 'instruction'), ne(mocFiles.id, id)))
      .limit(1)
    if (left) return
    throw new HttpError(
      409,
      'NO_INSTRUCTIONS',
      'A complete MOC needs at least one instruction file',
    )
  })
  await storage?.forget([id])
}

function inMoc(mocId: string, id: string) {
  return and(eq(mocFiles.mocId, mocId), eq(mocFiles.id, id))
}
