import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPair } from './testing/pair.ts'

const CHILD = fileURLToPath(new URL('./testing/large-child.ts', import.meta.url))
const ROWS = 200_000

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

it('applies a transaction of 250 MB within a fraction of that', async () => {
  const pair = await createPair(server, {
    source: 'CREATE TABLE public.item (id int PRIMARY KEY, owner text, note text)',
    tables: [{ source: 'public.item', target: 'public.item', owner: 'owner' }],
  })
  await pair.link('forward').prepare()
  await pair.source.query(
    `INSERT INTO public.item SELECT n, 'u' || n % 9, repeat(md5(n::text), 40) FROM generate_series(1, ${ROWS}) n`,
  )
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    CHILD,
    pair.sourceUrl,
    pair.targetUrl,
  ])
  const { grownMb, state } = JSON.parse(stdout) as { grownMb: number; state: string }
  console.log(`memory grew by ${Math.round(grownMb)} MB`)
  expect(state).toBe('streaming')
  expect(grownMb).toBeLessThan(180)
  const sum = "'' || count(*) || ' ' || sum(length(t.note)) || ' ' || sum(hashtext(t.note))"
  const { rows } = await pair.source.query(`SELECT ${sum} AS row FROM public.item AS t`)
  const there = await pair.target.query(`SELECT ${sum} AS row FROM public.item AS t`)
  expect(there.rows).toEqual(rows)
  await pair.close()
})
