import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startNotes } from './testing/notes.ts'
import { ask } from './testing/requests.ts'

let server: EmbeddedPostgres
let service: Awaited<ReturnType<typeof startNotes>>
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  service = await startNotes(server)
})
afterAll(async () => {
  await service?.stop()
  await server?.stop()
})

interface Notes {
  readonly items: { readonly body: string }[]
  readonly next: string | null
}

it('gives a list page by page, each row once, though others come meanwhile', async () => {
  const write = (body: string) => ask(`${service.url}/v1/notes`, { user: 'ada', body: { body } })
  for (let n = 0; n < 5; n++) await write(`note ${n}`)
  const seen: string[] = []
  let url: string | null = `${service.url}/v1/notes?limit=2`
  while (url) {
    const { body, headers } = await ask(url, { user: 'ada' })
    const page = body as Notes
    seen.push(...page.items.map((note) => note.body))
    const link = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    expect(link === undefined).toBe(page.next === null)
    if (page.next) expect(link).toBe(`/v1/notes?limit=2&cursor=${page.next}`)
    url = link ? service.url + link : null
    if (seen.length === 2) await write('note 5')
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((n) => `note ${n}`))
})

it('refuses a cursor that is none, and a page that is too large', async () => {
  const list = (query: string) => ask(`${service.url}/v1/notes?${query}`, { user: 'ada' })
  expect(await list('cursor=abc')).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } })
  const foreign = Buffer.from('["x",1]').toString('base64url')
  expect((await list(`cursor=${foreign}`)).status).toBe(400)
  expect(await list('limit=101')).toMatchObject({ status: 400, body: { code: 'VALIDATION' } })
})

it('reads what it read before while the database is away, and says how old it is', async () => {
  const created = await ask(`${service.url}/v1/notes`, { user: 'ada', body: { body: 'kept' } })
  const url = `${service.url}/v1/notes/${(created.body as { id: string }).id}`
  const fresh = await ask(url, { user: 'ada' })
  expect(fresh.headers.has('cache-status')).toBe(false)
  await server.kill()

  const stale = await ask(url, { user: 'ada' })
  expect(stale).toMatchObject({ status: 200, text: fresh.text })
  expect(stale.headers.get('cache-status')).toMatch(/^notes; hit; ttl=-\d+; detail=stale-if-error$/)
  expect(stale.headers.get('age')).toMatch(/^\d+$/)
  const other = await ask(url, { user: 'eve' })
  expect(other).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
  expect(other.headers.get('retry-after')).toBe('1')
  expect((await ask(`${service.url}/v1/notes`, { user: 'ada' })).status).toBe(503)
  expect(await ask(`${service.url}/health/ready`)).toMatchObject({
    status: 503,
    body: {
      status: 'not ready',
      checks: [
        { name: 'database', ok: false },
        { name: 'bus', ok: false },
      ],
    },
  })
  expect((await ask(`${service.url}/health/live`)).status).toBe(200)

  await server.start()
  expect((await ask(url, { user: 'ada' })).headers.has('cache-status')).toBe(false)
})
