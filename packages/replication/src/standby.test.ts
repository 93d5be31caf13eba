import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settleEarlier } from './copier.ts'
import { CopyWatch } from './copy-watch.ts'
import { createPair, until } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start({
    settings: { synchronous_standby_names: 'nobody', synchronous_commit: 'local' },
  })
})
afterAll(() => server.stop())

describe('a copy beside a synchronous standby that does not answer', () => {
  it('waits for a commit that was applied but is not visible, though nothing ended since', async () => {
    const pair = await createPair(server, {
      source: 'CREATE TABLE public.item (id int PRIMARY KEY, owner text)',
      tables: [{ source: 'public.item', target: 'public.item', owner: 'owner' }],
    })
    const waiter = createPool(pair.sourceUrl, { name: 'waiter', max: 1 })
    await waiter.query('SET synchronous_commit = on')
    const commit = waiter.query("INSERT INTO public.item VALUES (1, 'u')")
    // The youngest of all transactions: a snapshot does not list it as running.
    await until('it waits for the standby', async () => {
      const { rows } = await pair.source.query(
        "SELECT FROM pg_stat_activity WHERE application_name = 'waiter' AND wait_event = 'SyncRep'",
      )
      return rows.length === 1
    })
    // One connection: its statements come in the order they were asked for.
    const from = createPool(pair.sourceUrl, { name: 'copier', max: 1 })
    let settled = false
    const settling = settleEarlier(from, new CopyWatch('late'), undefined).then(() => {
      settled = true
    })
    for (let i = 0; i < 20; i++) await from.query('SELECT 1')
    expect(settled).toBe(false)
    await pair.source.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiter'",
    )
    await settling
    await commit
    await waiter.end()
    await from.end()
    await pair.close()
  })
})
