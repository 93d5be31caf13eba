import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { contents, createPair, PATIENCE_MS, until } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  // So long that PostgreSQL is of no help: both must come free without it.
  server = await EmbeddedPostgres.start({ settings: { deadlock_timeout: '60s' } })
})
afterAll(() => server.stop())

const TABLES = `
  CREATE TABLE public.item (id bigint PRIMARY KEY, owner text, note text);
  CREATE TABLE public.due (id bigint PRIMARY KEY, owner text)`

it('lets go of its rows when a worker of the application holds one it needs, and comes back', async () => {
  const pair = await createPair(server, {
    source: TABLES,
    tables: ['item', 'due'].map((name) => ({
      source: `public.${name}`,
      target: `public.${name}`,
      owner: 'owner',
    })),
  })
  await pair.target.query(`SELECT banyan.guard('parcels', 'public.item', 'owner')`)
  const link = pair.link('forward')
  await link.prepare()
  link.start()
  await link.copy()
  await pair.source.query(
    `INSERT INTO public.item VALUES (1, 'ann', 'old'); INSERT INTO public.due VALUES (1, 'ann')`,
  )
  await link.probe(PATIENCE_MS)

  const worker = await pair.target.connect()
  await worker.query('BEGIN; SELECT FROM public.due WHERE id = 1 FOR UPDATE')
  await pair.source.query(
    `BEGIN; UPDATE public.item SET note = 'new'; DELETE FROM public.due; COMMIT`,
  )
  await until('the applier waits for the row', async () => {
    const { rowCount } = await pair.target.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name ~ 'apply'`,
    )
    return rowCount === 1
  })
  // It waits for the row that the applier has just written, and is then refused, as it should be.
  const refused = await worker
    .query(`UPDATE public.item SET note = 'worker'`)
    .catch((error: Error & { code?: string }) => error)
  expect(refused).toMatchObject({ code: 'BN001' })
  await worker.query('ROLLBACK')
  worker.release()

  await link.probe(PATIENCE_MS)
  expect(await contents(pair.target, 'public.item', 't.note')).toEqual(['new'])
  expect(await contents(pair.target, 'public.due', 't.id')).toEqual([])
  expect(pair.problems).toEqual([])
  await pair.close()
})
