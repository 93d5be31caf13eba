import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { until } from '../../statistics.ts'
import { NOTE } from './system.ts'
import { fillNotes, Writers } from './writers.ts'

let server: EmbeddedPostgres
let pool: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(await server.createDatabase('notes'), { name: 'test' })
  await pool.query(NOTE)
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})
beforeEach(async () => {
  await pool.query('TRUNCATE public.note')
  await fillNotes(pool)
})

/** Runs the writers against an application that does each write as often as `times` says. */
async function writeThrough(times: (verb: string, nth: number) => number, status = () => 204) {
  const counts = new Map<string, number>()
  const application = createServer((request, response) => {
    const [, , owner, verb, id] = request.url!.split('/') as [
      string,
      string,
      string,
      string,
      string,
    ]
    const nth = (counts.get(verb) ?? 0) + 1
    counts.set(verb, nth)
    const writing =
      times(verb, nth) === 0
        ? Promise.resolve()
        : verb === 'insert'
          ? pool.query("INSERT INTO public.note VALUES ($1, $2, 0, '')", [id, owner])
          : pool.query('UPDATE public.note SET n = n + $2 WHERE id = $1', [id, times(verb, nth)])
    void writing.then(() => response.writeHead(status()).end())
  })
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
  const { port } = application.address() as AddressInfo
  const writers = new Writers(`http://127.0.0.1:${port}`, 500)
  writers.start()
  await until('some writes were answered', async () => (counts.get('insert') ?? 0) >= 20, 30_000)
  await writers.stop()
  application.close()
  return { writers, checked: await writers.check(pool) }
}

it('writes that were done once are neither lost nor doubled', async () => {
  const { writers, checked } = await writeThrough(() => 1)
  expect(checked).toEqual({ lost: 0, extra: 0 })
  expect(writers.failures).toEqual([])
  expect(writers.seen.length).toBe(writers.sent)
})

it('each acknowledged write that is not there is counted, whichever kind it is', async () => {
  const { checked } = await writeThrough((_, nth) => (nth === 3 ? 0 : 1))
  expect(checked).toEqual({ lost: 2, extra: 0 })
})

it('a write that was done twice is counted', async () => {
  const { checked } = await writeThrough((verb, nth) => (verb === 'increment' && nth === 5 ? 2 : 1))
  expect(checked).toEqual({ lost: 0, extra: 1 })
})

it('a refused write is a failure, and one that was done nevertheless is in excess', async () => {
  const { writers, checked } = await writeThrough(
    () => 1,
    () => 503,
  )
  expect(writers.seen).toEqual([])
  expect(writers.failures.length).toBe(writers.sent)
  expect(checked).toEqual({ lost: 0, extra: writers.sent })
})
