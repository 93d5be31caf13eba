import { setTimeout as delay } from 'node:timers/promises'
import type { PoolClient } from '@banyan/postgres'
import type { Context } from './context.ts'
import { PublicProfile } from './messages.ts'
import { publicProfileOf } from './profiles.ts'

/** As the requirements say: 5 minutes. */
export const TTL_MS = 300_000
const RECONNECT_MS = 500

/**
 * What everybody may see, from the cache. The database says which profile changed, whoever changed it,
 * another process or replication; while nobody listens to that, the cache is passed by. What changed
 * meanwhile is seen when its 5 minutes are over.
 */
export function openPublicProfiles(context: Context) {
  const cache = context.cache.open({ name: 'public', schema: PublicProfile, ttlMs: TTL_MS })
  let hearing = false
  let stopped = false
  let lost = () => {}

  /** Listens until the connection is lost. */
  async function listen(): Promise<void> {
    const connection: PoolClient = await context.pool.connect()
    const ended = new Promise<void>((resolve) => {
      lost = resolve
      connection.once('error', resolve)
      connection.once('end', resolve)
    })
    try {
      connection.on('notification', ({ payload }) => void cache.delete(payload!))
      await connection.query('LISTEN profile_changed')
      hearing = !stopped
      if (!stopped) await ended
    } finally {
      hearing = false
      connection.removeAllListeners('notification')
      // A session that listens must not go back to the pool.
      connection.release(true)
    }
  }

  async function keepListening(): Promise<void> {
    while (!stopped) {
      await listen().catch(() => {})
      if (!stopped) await delay(RECONNECT_MS)
    }
  }

  return {
    /** @throws BanyanError NOT_FOUND when the user has none */
    get(userId: string): Promise<PublicProfile> {
      const load = () => publicProfileOf(context.db, userId)
      // Never null: a profile that is not there is an error, and not kept.
      return hearing ? (cache.getOrLoad(userId, load) as Promise<PublicProfile>) : load()
    },
    /** After the commit of a change: the user who made it sees it at once. */
    forget: (userId: string) => cache.delete(userId),
    /** @returns what ends it */
    listen(): () => Promise<void> {
      const listening = keepListening()
      return async () => {
        stopped = true
        lost()
        await listening
      }
    },
  }
}

export type PublicProfiles = ReturnType<typeof openPublicProfiles>
