import { noSuch } from '@banyan/service'
import { and, asc, eq, ne, sql } from 'drizzle-orm'
import { offsetOf } from '../../monolith-pages.ts'
import { ImageFlagged, ImageUpdated } from './events.ts'
import { type Db, fail, type Tx } from './gallery.ts'
import { imageView } from './images.ts'
import type { Flag, FlagQuery, FlagQueue, FlagReview, NewFlag } from './messages.ts'
import { flags, images } from './schema.ts'

/**
 * Flags an image, which hides it until a moderator has looked. Once a user.
 *
 * @throws BanyanError NOT_FOUND, ServiceError ALREADY_FLAGGED
 */
export async function flagImage(
  { db, publish }: Tx,
  flaggedBy: string,
  imageId: string,
  { reason }: NewFlag,
): Promise<Flag> {
  const { ownerId } = await lockImage(db, imageId)
  const [flag] = await db
    .insert(flags)
    .values({ imageId, flaggedBy, reason })
    .onConflictDoNothing()
    .returning()
  if (!flag) throw fail('ALREADY_FLAGGED')
  await hideOrShow(db, imageId)
  await publish(ImageFlagged.of({ ownerId, imageId, reason }), { key: ownerId })
  return view(flag)
}

/** The queue of the moderators: flags nobody has reviewed, oldest first. */
export async function listPendingFlags(db: Db, query: FlagQuery): Promise<FlagQueue> {
  const rows = await db
    .select()
    .from(flags)
    .where(eq(flags.status, 'pending'))
    .orderBy(asc(flags.createdAt), flags.id)
    .limit(query.limit)
    .offset(offsetOf(query))
  return { flags: rows.map(view) }
}

/** Upholds or dismisses a flag, also one that was reviewed before. @throws BanyanError NOT_FOUND */
export async function reviewFlag(
  { db, publish }: Tx,
  id: string,
  { status }: FlagReview,
): Promise<Flag> {
  const [known] = await db.select().from(flags).where(eq(flags.id, id))
  if (!known) throw noSuch('flag')
  const before = await lockImage(db, known.imageId)
  const [flag] = await db
    .update(flags)
    .set({ status, reviewedAt: sql`now()` })
    .where(eq(flags.id, id))
    .returning()
  const after = await hideOrShow(db, known.imageId)
  if (after.flagged !== before.flagged) {
    const { ownerId, id: imageId } = after
    const image = imageView(after)
    await publish(ImageUpdated.of({ ownerId, imageId, image }), { key: ownerId })
  }
  return view(flag!)
}

async function lockImage(db: Db, id: string) {
  const [image] = await db.select().from(images).where(eq(images.id, id)).for('update')
  if (!image) throw noSuch('image')
  return image
}

/** An image is hidden while it has a flag that was not dismissed. */
async function hideOrShow(db: Db, imageId: string) {
  const standing = db
    .select({ one: sql`1` })
    .from(flags)
    .where(and(eq(flags.imageId, imageId), ne(flags.status, 'dismissed')))
  const [image] = await db
    .update(images)
    .set({ flagged: sql`EXISTS ${standing}` })
    .where(eq(images.id, imageId))
    .returning()
  return image!
}

function view({
  flaggedBy: userId,
  createdAt,
  reviewedAt,
  ...rest
}: typeof flags.$inferSelect): Flag {
  return {
    ...rest,
    userId,
    createdAt: createdAt.toISOString(),
    reviewedAt: reviewedAt?.toISOString() ?? null,
  }
}
