import { createPool, EmbeddedPostgres, type Pool, sqlState, transaction } from '@banyan/postgres'
import { drizzle } from 'drizzle-orm/node-postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Db } from './fail.ts'
import { claimLinks, shareLinks, type Verdicts } from './links.ts'

let server: EmbeddedPostgres
let pool: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(await server.createDatabase('links'), { name: 'links' })
})
afterAll(async () => {
  await pool?.end()
  await server?.stop()
})

const to = (image: readonly string[], album: readonly string[] = []): Verdicts => {
  const all = (ids: readonly string[]) => ({ ids, missing: [], pending: false })
  return { image: all(image), album: all(album) }
}

const inTransaction = <R>(work: (db: Db) => Promise<R>) =>
  transaction(pool, async (client) => {
    await client.query("SET LOCAL lock_timeout = '50ms'")
    return work(drizzle(client) as unknown as Db)
  })

const LOCK_TIMEOUT = '55P03'

it('has who hears of a deletion wait for those alone who write links to what was deleted', async () => {
  await inTransaction(async (writer) => {
    await shareLinks(writer, to(['b', 'a'], ['c']))
    await inTransaction((another) => shareLinks(another, to(['a', 'd'])))
    await inTransaction((hears) => claimLinks(hears, 'd'))
    for (const id of ['a', 'b', 'c']) {
      const waited = await inTransaction((hears) => claimLinks(hears, id)).catch(
        (error) => sqlState(error) ?? sqlState(error.cause),
      )
      expect(waited).toBe(LOCK_TIMEOUT)
    }
  })
  await inTransaction(async (hears) => {
    await claimLinks(hears, 'a')
    await inTransaction((writer) => shareLinks(writer, to(['b'], ['c'])))
    await inTransaction((writer) => shareLinks(writer, to([])))
    await expect(inTransaction((writer) => shareLinks(writer, to(['b'], ['a'])))).rejects.toThrow()
  })
})
