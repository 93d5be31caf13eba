import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import { mocFiles, mocInstructions, mocPartsLists } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { parseBrickLinkXml } from './bricklink-xml.ts'
import { lockOwnMoc } from './mocs.ts'
import { type ParsedParts, UnreadableParts } from './parts.ts'
import { parseRebrickableCsv } from './rebrickable-csv.ts'

const { parts: _parts, ...summary } = getTableColumns(mocPartsLists)

const FORMATS = ['bricklink-xml', 'rebrickable-csv'] as const

export const PartsListForm = z.object({
  title: z.string().trim().min(1).max(200).optional(),
  format: z.enum(FORMATS).optional(),
})
export const PartsListChange = z
  .strictObject({
    title: z.string().trim().min(1).max(200).optional(),
    acquiredCount: z.number().int().min(0).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })

export interface Upload {
  readonly name: string
  readonly mimeType: string
  readonly content: Buffer
}

/** Parses the upload (here, inside the request) and adds it to the MOC, with the file it came from. */
export async function addPartsList(
  db: Database,
  userId: string,
  mocId: string,
  upload: Upload,
  form: z.infer<typeof PartsListForm>,
) {
  const format = form.format ?? guessFormat(upload)
  const { parts, rejected } = parse(format, upload)
  const pieceCount = parts.reduce((sum, part) => sum + part.quantity, 0)
  const partsList = await db.transaction(async (tx) => {
    await lockOwnMoc(tx, userId, mocId)
    await tx.insert(mocFiles).values({
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
}

function guessFormat(upload: Upload): (typeof FORMATS)[number] {
  if (/\.xml$/i.test(upload.name)) return 'bricklink-xml'
  if (/\.csv$/i.test(upload.name)) return 'rebrickable-csv'
  throw new HttpError(
    415,
    'UNKNOWN_FORMAT',
    `Name the file .xml (BrickLink) or .csv (Rebrickable), or send "format" as one of ${FORMATS.join(', ')}; given "${upload.name}"`,
  )
}

function parse(format: (typeof FORMATS)[number], upload: Upload): ParsedParts {
  const text = upload.content.toString('utf8')
  let parsed: ParsedParts
  try {
    parsed = format === 'bricklink-xml' ? parseBrickLinkXml(text) : parseRebrickableCsv(text)
  } catch (error) {
    if (!(error instanceof UnreadableParts)) throw error
    throw new HttpError(422, 'UNREADABLE_PARTS_LIST', error.message)
  }
  if (parsed.parts.length > 0) return parsed
  throw new HttpError(422, 'NO_PARTS', 'The file names no part that could be read', parsed.rejected)
}

function inMoc(mocId: string, id: string) {
  return and(eq(mocPartsLists.mocId, mocId), eq(mocPartsLists.id, id))
}
