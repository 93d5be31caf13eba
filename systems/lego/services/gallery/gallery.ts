import { type Database, defineErrors, madeOnce, type Transaction } from '@banyan/service'
import { sql } from 'drizzle-orm'
import type * as tables from './schema.ts'

/** The service's own database, in a transaction or not. */
export type Db = Database<typeof tables>
export type Tx = Transaction<typeof tables>

export const fail = defineErrors('gallery', {
  UNKNOWN_REFERENCE: {
    status: 422,
    title: 'What is referred to is not there',
    detail: 'You have no album {albumId}',
  },
  COVER_NOT_IN_ALBUM: {
    status: 409,
    title: 'The cover is not in the album',
    detail: 'The cover must be one of the album’s images',
  },
  ALREADY_FLAGGED: {
    status: 409,
    title: 'Flagged before',
    detail: 'You have flagged this image already',
  },
})

const locked = madeOnce((db: Db) => {
  const lock = sql<string>`pg_advisory_xact_lock(hashtextextended('gallery ' || ${sql.placeholder('owner')}, 0))`
  return db.select({ lock }).from(sql`(SELECT) AS one`)
})

/**
 * One change at a time to the images and albums of one owner. An album's cover and the image it names are
 * two rows; locked one by one, in the order each change happens to need them, they would deadlock.
 */
export async function lockGallery(db: Db, owner: string): Promise<void> {
  await locked(db).execute({ owner })
}
