import { CallError, defineErrors, madeOnce } from '@banyan/service'
import { eq, sql } from 'drizzle-orm'
import type { Context } from './context.ts'
import { profiles } from './schema.ts'

const fail = defineErrors('profile', {
  UNKNOWN_USER: {
    status: 403,
    title: 'There is no such user',
    detail: 'The Auth Service knows no user "{userId}": a profile needs one',
  },
  AUTH_UNAVAILABLE: {
    status: 503,
    title: 'The Auth Service cannot be asked',
    detail: 'Whether there is such a user cannot be known now, so no profile is made: try again',
  },
})

const thereOf = madeOnce((db: Context['db']) =>
  db
    .select({ userId: profiles.userId })
    .from(profiles)
    .where(eq(profiles.userId, sql.placeholder('userId'))),
)

/**
 * Lets nobody have a profile whom the Auth Service does not know. It is asked about a user's first
 * profile alone: while it is away, those that are there can be changed.
 *
 * @throws ServiceError UNKNOWN_USER or AUTH_UNAVAILABLE
 */
export async function requireKnown({ db, clients }: Context, userId: string): Promise<void> {
  const [there] = await thereOf(db).execute({ userId })
  if (there) return
  try {
    await clients.auth.getUser({ params: { id: userId } })
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    if (error.answer?.status === 404) throw fail('UNKNOWN_USER', { userId })
    throw fail('AUTH_UNAVAILABLE', {}, { cause: error })
  }
}
