import { fileURLToPath } from 'node:url'
import { createPool, EmbeddedPostgres, migrate, transaction } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Context } from './context.ts'
import { removeOrphans } from './orphans.ts'
import { Settings } from './settings.ts'

let server: EmbeddedPostgres
let pool: ReturnType<typeof createPool>
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(await server.createDatabase('profile'), { name: 'test' })
  await migrate(pool, 'profile', fileURLToPath(new URL('migrations', import.meta.url)))
})
afterAll(async () => {
  await pool?.end()
  await server?.stop()
})

/** A run of the search in which the Auth Service knows nobody, once it has done `first`. */
async function search(first: () => Promise<unknown>) {
  const said: unknown[] = []
  const publish = async (event: unknown) => void said.push(event)
  await removeOrphans({
    pool,
    config: Settings.parse({ ORPHAN_GRACE_MS: '0' }),
    log: { warn: () => {}, error: () => {} },
    transaction: (work: (given: object) => Promise<unknown>) =>
      transaction(pool, (client) => work({ client, publish })),
    clients: {
      auth: {
        knownUsers: async () => {
          await first()
          return { known: [] }
        },
      },
    },
  } as unknown as Context)
  const { rows } = await pool.query('SELECT user_id FROM profile.orphans')
  return { said, orphans: rows }
}

it('says of a profile once that it went, though two runs find it', async () => {
  const add = `INSERT INTO profile.profiles (user_id, display_name) VALUES ('nobody', 'Orphan')`
  await pool.query(add)
  let inner: Awaited<ReturnType<typeof search>> | undefined
  const outer = await search(async () => {
    inner = await search(async () => {})
  })
  expect(inner).toMatchObject({ said: [{ payload: { userId: 'nobody' } }], orphans: [] })
  expect(outer).toEqual({ said: [], orphans: [] })
  expect((await pool.query('SELECT FROM profile.profiles')).rowCount).toBe(0)
})
