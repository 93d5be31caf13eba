import { type Database, madeOnce, noSuch, type Transaction } from '@banyan/service'
import { eq, getTableColumns, sql } from 'drizzle-orm'
import { ProfileAvatarChanged, ProfileCreated, ProfileDeleted, ProfileUpdated } from './events.ts'
import type { ProfileBody, PublicProfile } from './messages.ts'
import type * as tables from './schema.ts'
import { profiles } from './schema.ts'

type Db = Database<typeof tables>

const { placeholder } = sql
const mine = eq(profiles.userId, placeholder('userId'))

const ofUser = madeOnce((db: Db) => db.select().from(profiles).where(mine))
const ofUserLocked = madeOnce((db: Db) => db.select().from(profiles).where(mine).for('update'))

/** @throws BanyanError NOT_FOUND when the user has none */
export async function profileOf(db: Db, userId: string) {
  const [row] = await ofUser(db).execute({ userId })
  if (!row) throw noSuch('profile')
  return row
}

/** @throws BanyanError NOT_FOUND when the user has none */
export async function publicProfileOf(db: Db, id: string): Promise<PublicProfile> {
  const { userId, displayName, bio, avatarUrl } = await profileOf(db, id)
  return { userId, displayName, bio, avatarUrl }
}

const written = madeOnce((db: Db) => {
  const body = {
    displayName: placeholder('displayName'),
    bio: placeholder('bio'),
    avatarUrl: placeholder('avatarUrl'),
    location: placeholder('location'),
    preferences: placeholder('preferences'),
  }
  const given = (column: { readonly name: string }) => sql.raw(`excluded.${column.name}`)
  return (
    db
      .insert(profiles)
      .values({ userId: placeholder('userId'), ...body })
      .onConflictDoUpdate({
        target: profiles.userId,
        set: {
          displayName: given(profiles.displayName),
          bio: given(profiles.bio),
          avatarUrl: given(profiles.avatarUrl),
          location: given(profiles.location),
          preferences: given(profiles.preferences),
          updatedAt: sql`now()`,
        },
      })
      // A row that an upsert inserted has no xmax; a look beforehand would miss one inserted at the same time.
      .returning({ ...getTableColumns(profiles), created: sql<boolean>`xmax = 0` })
  )
})

/** Writes the whole profile, also the first time, and says so. */
export async function putProfile(
  { db, publish }: Transaction<typeof tables>,
  userId: string,
  body: ProfileBody,
) {
  const [before] = await ofUserLocked(db).execute({ userId })
  const [row] = await written(db).execute({ userId, ...body })
  const { created, ...profile } = row!
  const { displayName, bio, avatarUrl } = profile
  const event = created ? ProfileCreated : ProfileUpdated
  await publish(event.of({ userId, displayName, bio, avatarUrl }), { key: userId })
  if (avatarUrl !== (before?.avatarUrl ?? null)) {
    await publish(ProfileAvatarChanged.of({ userId, avatarUrl }), { key: userId })
  }
  return profile
}

/** Deletes the profile, and says so. @throws BanyanError NOT_FOUND when the user has none */
export async function deleteProfile(
  { db, publish }: Transaction<typeof tables>,
  userId: string,
): Promise<void> {
  const own = eq(profiles.userId, userId)
  const gone = await db.delete(profiles).where(own).returning({ userId: profiles.userId })
  if (gone.length === 0) throw noSuch('profile')
  await publish(ProfileDeleted.of({ userId }), { key: userId })
}
