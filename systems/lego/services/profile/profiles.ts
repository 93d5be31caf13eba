import { type Database, noSuch } from '@banyan/service'
import { eq, sql } from 'drizzle-orm'
import type { ProfileBody } from './messages.ts'
import type * as tables from './schema.ts'
import { profiles } from './schema.ts'

type Db = Database<typeof tables>

/** @throws BanyanError NOT_FOUND when the user has none */
export async function profileOf(db: Db, userId: string) {
  const [row] = await db.select().from(profiles).where(eq(profiles.userId, userId))
  if (!row) throw noSuch('profile')
  return row
}

/** Writes the whole profile, also the first time. */
export async function putProfile(db: Db, userId: string, body: ProfileBody) {
  const [row] = await db
    .insert(profiles)
    .values({ userId, ...body })
    .onConflictDoUpdate({ target: profiles.userId, set: { ...body, updatedAt: sql`now()` } })
    .returning()
  return row!
}
