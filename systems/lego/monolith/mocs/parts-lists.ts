import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import { mocFiles, mocInstructions, mocPartsLists } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { noteChange } from '../search/changes.ts'
import type { Services } from '../services/services.ts'
import { keepFile } from './keep-file.ts'
import { lockOwnMoc } from './mocs.ts'
import { PARTS_FORMATS } from './parts.ts'
import { readParts } from './read-parts.ts'
import type { Upload } from './upload.ts'

const { parts: _parts, ...summary } = getTableColumns(mocPartsLists)

export const PartsListForm = z.object({
  title: z.string().trim().min(1).max(200).optional(),
  format: z.enum(PARTS_FORMATS).optional(),
})
export const PartsListChange = z
  .strictObject({
    title: z.string().trim().min(1).max(200).optional(),
    acquiredCount: z.number().int().min(0).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })

/** Has the upload read, and adds it to the MOC, with the file it came from. */
export async function addPartsList(
  db: Database,
  services: Services,
  userId: string,
  mocId: string,
  upload: Upload,
  form: z.infer<typeof PartsListForm>,
) {
  const { format, parts, rejected } = await readParts(services, userId, upload, form.format)
  const pieceCount = parts.reduce((sum, part) => sum + part.quantity, 0)
  const write = (fileId: string) =>
    db.transaction(async (tx) => {
      await lockOwnMoc(tx, userId, mocId)
      await tx.insert(mocFiles).values({
        id: fileId,
        mocId,
        kind: 'parts-list',
        fileName: upload.name,
        mimeType: upload.mimeType,
        sizeBytes: upload.content.length,
        content: upload.content,
      })
      const [created] = await tx
        .insert(mocPartsLists)
        .values({
          mocId,
          title: form.title ?? upload.name,
          format,
          parts,
          lotCount: parts.length,
          pieceCount,
        })
        .returning()
      await countPieces(tx, mocId)
      return created!
    })
  const partsList = await keepFile(db, services, { userId, mocId }, upload, write)
  return { ...partsList, rejected }
}

export async function listPartsLists(db: Database, mocId: string) {
  const rows = await db
    .select(summary)
    .from(mocPartsLists)
    .where(eq(mocPartsLists.mocId, mocId))
    .orderBy(asc(mocPartsLists.createdAt), mocPartsLists.id)
  return { partsLists: rows }
}

export async function getPartsList(db: Database, mocId: string, id: string) {
  const [row] = await db.select().from(mocPartsLists).where(inMoc(mocId, id))
  if (!row) throw notFound('parts list')
  return row
}

export async function changePartsList(
  db: Database,
  userId: string,
  mocId: string,
  id: string,
  change: z.infer<typeof PartsListChange>,
) {
  return db.transaction(async (tx) => {
    await lockOwnMoc(tx, userId, mocId)
    const [before] = await tx.select(summary).from(mocPartsLists).where(inMoc(mocId, id))
    if (!before) throw notFound('parts list')
    if ((change.acquiredCount ?? 0) > before.pieceCount) {
      throw new HttpError(
        409,
        'TOO_MANY_ACQUIRED',
        `The list has ${before.pieceCount} pieces, given acquiredCount ${change.acquiredCount}`,
      )
    }
    const [row] = await tx
      .update(mocPartsLists)
      .set({
        title: change.title ?? before.title,
        acquiredCount: change.acquiredCount ?? before.acquiredCount,
        updatedAt: sql`now()`,
      })
      .where(inMoc(mocId, id))
      .returning(summary)
    return row!
  })
}

export async function deletePartsList(
  db: Database,
  userId: string,
  mocId: string,
  id: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOwnMoc(tx, userId, mocId)
    const gone = await tx.delete(mocPartsLists).where(inMoc(mocId, id)).returning({ id: sql`1` })
    if (gone.length === 0) throw notFound('parts list')
    await countPieces(tx, mocId)
  })
}

/** The MOC's piece count is the sum of its parts lists; its row is locked by the caller. */
async function countPieces(tx: Transaction, mocId: string): Promise<void> {
  await tx
    .update(mocInstructions)
    .set({
      totalPieceCount: sql`(SELECT coalesce(sum(piece_count), 0) FROM moc_parts_lists WHERE moc_id = ${mocId})`,
      updatedAt: sql`now()`,
    })
    .where(eq(mocInstructions.id, mocId))
  await noteChange(tx, 'moc', mocId)
}

function inMoc(mocId: string, id: string) {
  return and(eq(mocPartsLists.mocId, mocId), eq(mocPartsLists.id, id))
}
