import { sqlState } from '@banyan/postgres'
import { NOT_OWNER_STATE } from '@banyan/service'
import type { Context } from './context.ts'
import { ProfileDeleted } from './events.ts'

/** Users asked for in one run: one question to the Auth Service, one page of the table. */
const BATCH = 1_000
/** Profiles removed in one run, whatever the Auth Service says. */
const MOST_REMOVED = 100

/**
 * Looks at the next profiles in order, and removes those whose user has been missing for
 * ORPHAN_GRACE_MS. An Auth Service that does not answer ends the run before anything is written; one
 * that misses too many is not believed. Profiles that another side owns are left to it.
 *
 * @throws CallError when the Auth Service does not answer
 */
export async function removeOrphans(context: Context): Promise<void> {
  const { pool, clients, config, log } = context
  const { rows } = await pool.query<{ user_id: string }>(
    `SELECT user_id FROM profile.profiles
     WHERE user_id > (SELECT after_user_id FROM profile.orphan_search) ORDER BY user_id LIMIT $1`,
    [BATCH],
  )
  const ids = rows.map((row) => row.user_id)
  const answer = ids.length > 0 ? await clients.auth.knownUsers({ body: { ids } }) : { known: [] }
  const known = new Set(answer.known)
  const missing = ids.filter((id) => !known.has(id))
  if (missing.length > Math.max(1, ids.length * config.ORPHAN_MOST_SHARE)) {
    const figures = { asked: ids.length, missing: missing.length }
    log.error(figures, 'the Auth Service misses too many users to be believed: no profile goes')
    return
  }
  const next = ids.length === BATCH ? ids.at(-1)! : ''
  for (const userId of await overdue(context, [...known], missing, next)) {
    if (await remove(context, userId)) log.warn({ orphan: userId }, 'a profile without a user went')
  }
}

/** Notes who is missing and who is not; @returns those who have been for long enough. */
function overdue(
  { transaction, config }: Context,
  known: readonly string[],
  missing: readonly string[],
  next: string,
): Promise<string[]> {
  return transaction(async ({ client }) => {
    await client.query('UPDATE profile.orphan_search SET after_user_id = $1', [next])
    await client.query('DELETE FROM profile.orphans WHERE user_id = ANY ($1)', [known])
    // Only whose profile still stands: another run may have removed it since this one asked.
    await client.query(
      `INSERT INTO profile.orphans (user_id)
       SELECT user_id FROM profile.profiles WHERE user_id = ANY ($1) FOR KEY SHARE
       ON CONFLICT DO NOTHING`,
      [missing],
    )
    const { rows } = await client.query<{ user_id: string }>(
      `SELECT user_id FROM profile.orphans
       WHERE user_id = ANY ($1) AND missing_since <= now() - $2 * interval '1 ms'
       ORDER BY missing_since LIMIT $3`,
      [missing, config.ORPHAN_GRACE_MS, MOST_REMOVED],
    )
    return rows.map((row) => row.user_id)
  })
}

/** @returns whether it stood, and was ours to remove */
async function remove({ transaction }: Context, userId: string): Promise<boolean> {
  try {
    return await transaction(async ({ client, publish }) => {
      const { rowCount } = await client.query('DELETE FROM profile.profiles WHERE user_id = $1', [
        userId,
      ])
      await client.query('DELETE FROM profile.orphans WHERE user_id = $1', [userId])
      if (rowCount === 0) return false
      await publish(ProfileDeleted.of({ userId }), { key: userId })
      return true
    })
  } catch (error) {
    if (sqlState(error) === NOT_OWNER_STATE) return false
    throw error
  }
}
