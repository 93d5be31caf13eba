import { eq, sql } from 'drizzle-orm'
import { noSuch } from '../../kit/errors.ts'
import { write } from '../../kit/transaction.ts'
import type { Database } from './database.ts'
import type { ProfileBody } from './messages.ts'
import { profiles } from './schema.ts'

/** @throws ServiceError 404 when the user has none */
export async function profileOf(db: Database, userId: string) {
  const [row] = await db.select().from(profiles).where(eq(profiles.userId, userId))
  if (!row) throw noSuch('profile')
  return row
}

/** Writes the whole profile, also the first time. */
export async function putProfile(db: Database, userId: string, body: ProfileBody) {
  return write(db, async (tx) => {
    const [row] = await tx
      .insert(profiles)
      .values({ userId, ...body })
      .onConflictDoUpdate({ target: profiles.userId, set: { ...body, updatedAt: sql`now()` } })
      .returning()
    return row!
  })
}
