import { sqlState } from '@banyan/postgres'
import { CallError, NOT_OWNER_STATE } from '@banyan/service'
import { and, asc, eq, lte, sql } from 'drizzle-orm'
import type { Context } from './context.ts'
import type { Tx } from './fail.ts'
import { askGallery, claimLinks, type Kind } from './links.ts'
import { type MocRow, sayChanged, sayLinked } from './mocs.ts'
import { goneFromGallery, mocs, pendingLinks } from './schema.ts'

/** As many as Gallery is asked of at once. */
const AT_ONCE = 100
/** What was deleted is remembered for longer than any request that asked before could still run. */
const REMEMBERED = sql`interval '1 hour'`

/** When a link is looked at again whose MOC another side owns: a move is a matter of minutes, or days. */
const LATER = sql`now() + interval '30 seconds'`

const columnOf = (kind: Kind) => (kind === 'image' ? mocs.galleryImageIds : mocs.galleryAlbumIds)

/** Gallery has said that there is such an image, or album: who links it is pending no more. */
export async function confirmLinks(tx: Tx, kind: Kind, galleryId: string): Promise<void> {
  const settled = await tx.db
    .delete(pendingLinks)
    .where(and(eq(pendingLinks.kind, kind), eq(pendingLinks.galleryId, galleryId)))
    .returning({ id: pendingLinks.mocId })
  for (const { id } of settled) {
    const [row] = await tx.db.select().from(mocs).where(eq(mocs.id, id))
    if (row) await sayLinked(tx, row)
  }
}

/** Gallery has said that there is no such image, or album: no MOC links it any more. */
export async function dropLinks(tx: Tx, kind: Kind, galleryId: string): Promise<void> {
  const { db } = tx
  await claimLinks(db, galleryId)
  await db.insert(goneFromGallery).values({ id: galleryId }).onConflictDoNothing()
  await db.execute(
    sql`DELETE FROM ${goneFromGallery} WHERE ${goneFromGallery.heardAt} < now() - ${REMEMBERED}`,
  )
  const rows = await db
    .select()
    .from(mocs)
    .where(sql`${columnOf(kind)} @> ${JSON.stringify([{ id: galleryId }])}::jsonb`)
    .orderBy(asc(mocs.id))
    .for('update')
  await db
    .delete(pendingLinks)
    .where(and(eq(pendingLinks.kind, kind), eq(pendingLinks.galleryId, galleryId)))
  for (const before of rows) await dropLink(tx, kind, galleryId, before)
}

/**
 * A MOC that another side owns at this time keeps the link, since what is in its row is that side's to say; it is
 * pending until this side owns the MOC, or the link has gone.
 */
async function dropLink(tx: Tx, kind: Kind, galleryId: string, before: MocRow): Promise<void> {
  const { db, client } = tx
  const without = (links: MocRow['galleryImageIds']) =>
    links.filter((link) => link.id !== galleryId)
  await client.query('SAVEPOINT one')
  try {
    const [after] = await db
      .update(mocs)
      .set({
        ...(kind === 'image'
          ? { galleryImageIds: without(before.galleryImageIds) }
          : { galleryAlbumIds: without(before.galleryAlbumIds) }),
        updatedAt: sql`now()`,
      })
      .where(eq(mocs.id, before.id))
      .returning()
    await sayChanged(tx, before, after!)
  } catch (error) {
    if (sqlState(error) !== NOT_OWNER_STATE) throw error
    await client.query('ROLLBACK TO SAVEPOINT one')
    const pending = { mocId: before.id, kind, galleryId, askAfter: LATER }
    await db.insert(pendingLinks).values(pending)
  }
}

/**
 * Asks Gallery about the links that are pending, the oldest first. Where it does not answer they stay so, and
 * are asked about the next time.
 */
export async function settleLinks({ clients, db, log, transaction }: Context): Promise<void> {
  for (const kind of ['image', 'album'] as const) {
    const rows = await db
      .select({ id: pendingLinks.galleryId })
      .from(pendingLinks)
      .where(and(eq(pendingLinks.kind, kind), lte(pendingLinks.askAfter, sql`now()`)))
      .groupBy(pendingLinks.galleryId)
      .orderBy(sql`min(${pendingLinks.since})`)
      .limit(AT_ONCE)
    if (rows.length === 0) continue
    const ids = rows.map((row) => row.id)
    let existing: Set<string>
    try {
      existing = new Set(await askGallery(clients.gallery, kind, ids))
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      log.info({ kind, code: error.code, links: ids.length }, 'links are still pending')
      return
    }
    for (const id of ids) {
      const settle = existing.has(id) ? confirmLinks : dropLinks
      await transaction((tx) => settle(tx, kind, id))
    }
  }
}
