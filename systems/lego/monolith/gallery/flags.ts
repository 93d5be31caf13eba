import { and, asc, eq, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import { galleryFlags, galleryImages } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { Page } from '../http/validate.ts'
import { noteChange } from '../search/changes.ts'

export const NewFlag = z.strictObject({ reason: z.string().trim().min(1).max(500) })
export const FlagReview = z.strictObject({ status: z.enum(['upheld', 'dismissed']) })
export const FlagQuery = Page

/** Flags an image, which hides it until a moderator has looked. Once a user. */
export async function flagImage(
  db: Database,
  userId: string,
  imageId: string,
  { reason }: z.infer<typeof NewFlag>,
) {
  return db.transaction(async (tx) => {
    await lockImage(tx, imageId)
    const [flag] = await tx
      .insert(galleryFlags)
      .values({ imageId, userId, reason })
      .onConflictDoNothing()
      .returning()
    if (!flag) throw new HttpError(409, 'ALREADY_FLAGGED', 'You have flagged this image already')
    await hideOrShow(tx, imageId)
    return flag
  })
}

/** Flags nobody has reviewed, oldest first. */
export async function listPendingFlags(db: Database, { page, limit }: z.infer<typeof FlagQuery>) {
  const flags = await db
    .select()
    .from(galleryFlags)
    .where(eq(galleryFlags.status, 'pending'))
    .orderBy(asc(galleryFlags.createdAt), galleryFlags.id)
    .limit(limit)
    .offset((page - 1) * limit)
  return { flags }
}

export async function reviewFlag(db: Database, id: string, { status }: z.infer<typeof FlagReview>) {
  return db.transaction(async (tx) => {
    const [known] = await tx.select().from(galleryFlags).where(eq(galleryFlags.id, id))
    if (!known) throw notFound('flag')
    await lockImage(tx, known.imageId)
    const [flag] = await tx
      .update(galleryFlags)
      .set({ status, reviewedAt: sql`now()` })
      .where(eq(galleryFlags.id, id))
      .returning()
    await hideOrShow(tx, known.imageId)
    return flag!
  })
}

async function lockImage(tx: Transaction, id: string): Promise<void> {
  const [image] = await tx
    .select({ id: galleryImages.id })
    .from(galleryImages)
    .where(eq(galleryImages.id, id))
    .for('update')
  if (!image) throw notFound('image')
}

/** An image is hidden while it has a flag that was not dismissed. */
async function hideOrShow(tx: Transaction, imageId: string): Promise<void> {
  const standing = tx
    .select({ one: sql`1` })
    .from(galleryFlags)
    .where(and(eq(galleryFlags.imageId, imageId), ne(galleryFlags.status, 'dismissed')))
  await tx
    .update(galleryImages)
    .set({ flagged: sql`EXISTS ${standing}` })
    .where(eq(galleryImages.id, imageId))
  await noteChange(tx, 'image', imageId)
}
