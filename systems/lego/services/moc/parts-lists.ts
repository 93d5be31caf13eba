import { madeOnce, noSuch } from '@banyan/service'
import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { BuildStatusChanged, PartsListUpdated } from './events.ts'
import { type Db, fail, type Tx } from './fail.ts'
import type {
  AddedPartsList,
  PartsList,
  PartsListChange,
  PartsListForm,
  PartsListSummary,
  PartsLists,
} from './messages.ts'
import { lockOwnMoc } from './mocs.ts'
import type { Part } from './parts/parts.ts'
import { guessFormat, readParts } from './parts/read-parts.ts'
import { files, mocs, partsLists } from './schema.ts'
import type { Upload } from './upload.ts'

const { parts: _parts, ...summary } = getTableColumns(partsLists)

/** What a column of PostgreSQL's integers holds. */
const MOST_PIECES = 2_147_483_647

/**
 * Reads an upload, before a transaction is open.
 *
 * @returns what adds it to a MOC, with the file it came from
 * @throws ServiceError UNKNOWN_FORMAT, UNREADABLE_PARTS_LIST, NO_PARTS, TOO_MANY_PIECES
 */
export function readPartsList(upload: Upload, form: PartsListForm) {
  const format = form.format ?? guessFormat(upload)
  const { parts, rejected } = readParts(format, upload)
  countPieces(parts)
  return async (tx: Tx, ownerId: string, mocId: string): Promise<AddedPartsList> => {
    const { db } = tx
    await lockOwnMoc(db, ownerId, mocId)
    const { name, mimeType, content } = upload
    await db.insert(files).values({
      mocId,
      kind: 'parts-list',
      fileName: name,
      mimeType,
      sizeBytes: content.length,
      content,
    })
    const title = form.title ?? name
    const row = await insertPartsList(tx, ownerId, { mocId, title, format, parts })
    return { ...wholeView(row), rejected }
  }
}

/** The MOC's row is locked by the caller. @throws ServiceError TOO_MANY_PIECES */
export async function insertPartsList(
  tx: Tx,
  ownerId: string,
  list: Pick<Row, 'mocId' | 'title' | 'format' | 'parts'>,
): Promise<Row> {
  const { mocId, parts } = list
  const pieceCount = countPieces(parts)
  const [row] = await withBuild(tx, { ownerId, mocId, change: 'added' }, () =>
    tx.db
      .insert(partsLists)
      .values({ ...list, lotCount: parts.length, pieceCount })
      .returning(),
  )
  return row!
}

const ofMoc = madeOnce((db: Db) =>
  db
    .select(summary)
    .from(partsLists)
    .where(eq(partsLists.mocId, sql.placeholder('mocId')))
    .orderBy(asc(partsLists.createdAt), partsLists.id),
)

export async function listPartsLists(db: Db, mocId: string): Promise<PartsLists> {
  const rows = await ofMoc(db).execute({ mocId })
  return { partsLists: rows.map(summaryView) }
}

/** @throws BanyanError NOT_FOUND */
export async function getPartsList(db: Db, mocId: string, id: string): Promise<PartsList> {
  const [row] = await db.select().from(partsLists).where(inMoc(mocId, id))
  if (!row) throw noSuch('parts list')
  return wholeView(row)
}

/** @throws BanyanError NOT_FOUND, FORBIDDEN for another's, ServiceError TOO_MANY_ACQUIRED */
export async function changePartsList(
  tx: Tx,
  ownerId: string,
  mocId: string,
  id: string,
  { title, acquiredCount }: PartsListChange,
): Promise<PartsListSummary> {
  const { db } = tx
  await lockOwnMoc(db, ownerId, mocId)
  const [before] = await db.select(summary).from(partsLists).where(inMoc(mocId, id))
  if (!before) throw noSuch('parts list')
  const { pieceCount } = before
  if ((acquiredCount ?? 0) > pieceCount) {
    throw fail('TOO_MANY_ACQUIRED', { pieceCount, given: acquiredCount })
  }
  const [row] = await withBuild(tx, { ownerId, mocId, change: 'changed' }, () =>
    db
      .update(partsLists)
      // Drizzle leaves out what is undefined: what the change does not name.
      .set({ title, acquiredCount, updatedAt: sql`now()` })
      .where(inMoc(mocId, id))
      .returning(summary),
  )
  return summaryView(row!)
}

/** The file it came from stays. @throws BanyanError NOT_FOUND, FORBIDDEN for another's */
export async function deletePartsList(
  tx: Tx,
  ownerId: string,
  mocId: string,
  id: string,
): Promise<void> {
  await lockOwnMoc(tx.db, ownerId, mocId)
  await withBuild(tx, { ownerId, mocId, change: 'deleted' }, async () => {
    const gone = await tx.db
      .delete(partsLists)
      .where(inMoc(mocId, id))
      .returning({ id: partsLists.id })
    if (gone.length === 0) throw noSuch('parts list')
    return gone
  })
}

interface Doing {
  readonly ownerId: string
  readonly mocId: string
  readonly change: 'added' | 'changed' | 'deleted'
}

/**
 * Writes a parts list, then the MOC's piece count, which is the sum of its lists, and says both. The MOC's row
 * is locked by the caller: of two lists added at once, the second counts the first.
 */
async function withBuild<Row extends { readonly id: string }>(
  { db, publish }: Tx,
  { ownerId, mocId, change }: Doing,
  write: () => Promise<Row[]>,
): Promise<Row[]> {
  const before = await buildOf(db, mocId)
  const rows = await write()
  const { acquiredCount, totalPieceCount, percent } = await buildOf(db, mocId)
  if (change !== 'changed') {
    requireCountable(totalPieceCount)
    await db.update(mocs).set({ totalPieceCount, updatedAt: sql`now()` }).where(eq(mocs.id, mocId))
  }
  const updated = { ownerId, mocId, partsListId: rows[0]!.id, change, totalPieceCount }
  await publish(PartsListUpdated.of(updated), { key: ownerId })
  if (percent !== before.percent) {
    const status = { ownerId, mocId, acquiredCount, totalPieceCount, percent }
    await publish(BuildStatusChanged.of(status), { key: ownerId })
  }
  return rows
}

async function buildOf(db: Db, mocId: string) {
  const [sums] = await db
    .select({
      total: sql<string>`coalesce(sum(${partsLists.pieceCount}), 0)`,
      acquired: sql<string>`coalesce(sum(${partsLists.acquiredCount}), 0)`,
    })
    .from(partsLists)
    .where(eq(partsLists.mocId, mocId))
  const [totalPieceCount, acquiredCount] = [Number(sums!.total), Number(sums!.acquired)]
  // Rounded down: 999 of 1,000 are not all.
  const percent = totalPieceCount === 0 ? 0 : Math.floor((acquiredCount * 100) / totalPieceCount)
  return { totalPieceCount, acquiredCount, percent }
}

function countPieces(parts: readonly Part[]): number {
  const pieces = parts.reduce((sum, part) => sum + part.quantity, 0)
  requireCountable(pieces)
  return pieces
}

function requireCountable(pieces: number): void {
  if (pieces > MOST_PIECES) throw fail('TOO_MANY_PIECES', { most: MOST_PIECES, pieces })
}

type Row = typeof partsLists.$inferSelect

function summaryView({ createdAt, updatedAt, ...rest }: Omit<Row, 'parts'>): PartsListSummary {
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

function wholeView(row: Row): PartsList {
  return { ...summaryView(row), parts: row.parts }
}

function inMoc(mocId: string, id: string) {
  return and(eq(partsLists.mocId, mocId), eq(partsLists.id, id))
}
