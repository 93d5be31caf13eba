import { gzipSync } from 'node:zlib'
import type { ShadowStats } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { differences } from './json-difference.ts'
import { startGateway, type TestGateway, table, until, upstream } from './testing.ts'

const SHADOW = { percent: 100, ignore: ['$.items[*].updatedAt'] }

function json(value: unknown) {
  return (_: unknown, response: import('node:http').ServerResponse) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
}

async function shadowed(
  owner: Parameters<typeof upstream>[1],
  other: Parameters<typeof upstream>[1],
  limits: object = {},
) {
  const monolith = await upstream('monolith', owner)
  const service = await upstream('service', other)
  const started = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { shadow: SHADOW }),
    shadow: { againMs: [5, 10, 20], ...limits },
  })
  return { monolith, service, ...started }
}

const read = (url: string, path = '/api/things?token=secret') =>
  fetch(url + path, { headers: { 'x-subject': 'ann', 'accept-encoding': 'gzip' } })

async function stats({ admin }: Pick<TestGateway, 'admin'>): Promise<ShadowStats> {
  const { body } = await admin('GET', '/stats')
  return (body as { extractions: { shadow: ShadowStats }[] }).extractions[0]!.shadow
}

async function settled(gateway: Pick<TestGateway, 'admin'>, count = 1): Promise<ShadowStats> {
  return until(async () => {
    const now = await stats(gateway)
    return now.compared + now.dropped >= count && now
  })
}

it('asks the other side as it would be asked after the move, and finds like answers alike', async () => {
  const all = await shadowed(
    (_, response) => {
      response.setHeader('content-type', 'application/json; charset=utf-8')
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(JSON.stringify({ items: [{ id: 1, updatedAt: 'now' }], n: 1 })))
    },
    json({ n: 1, items: [{ updatedAt: 'later', id: 1 }] }),
  )
  await (await read(all.url)).text()
  expect(await settled(all)).toEqual({ compared: 1, differing: 0, dropped: 0, differences: [] })
  const [seen] = all.service.seen
  expect(seen).toMatchObject({ method: 'GET', url: '/v1/things?token=secret' })
  expect(seen!.headers).toMatchObject({ 'x-banyan-shadow': '1', 'x-user-id': 'ann' })
})

it('groups a true difference by its path, with an example and no query values', async () => {
  const all = await shadowed(
    json({ items: [{ name: 'a' }, { name: 'b' }] }),
    json({ items: [{ name: 'a' }, { name: 'X' }] }),
  )
  await read(all.url)
  expect(await settled(all)).toEqual({
    compared: 1,
    differing: 1,
    dropped: 0,
    differences: [
      {
        path: '$.items[*].name',
        count: 1,
        example: { request: 'GET /api/things?…', owner: '"b"', other: '"X"' },
      },
    ],
  })
})

it('does not count what differs between two reads of the owner', async () => {
  let reads = 0
  const all = await shadowed(
    (_, response) => json({ at: reads++, n: 1 })(_, response),
    json({ at: -1, n: 1 }),
  )
  await read(all.url)
  expect(await settled(all)).toMatchObject({ compared: 1, differing: 0 })
})

it('does not count a difference that lag explains', async () => {
  let reads = 0
  const all = await shadowed(json({ n: 2 }), (_, response) =>
    json({ n: reads++ < 2 ? 1 : 2 })(_, response),
  )
  await read(all.url)
  expect(await settled(all)).toMatchObject({ compared: 1, differing: 0 })
})

it('does not judge an answer that has changed each time it is asked again', async () => {
  let reads = 0
  const all = await shadowed(
    // Equal when asked twice at once, as rows are; another the next time.
    (request, response) => json({ version: Math.floor(++reads / 2) })(request, response),
    json({ version: -1 }),
  )
  await (await read(all.url)).text()
  expect(await settled(all)).toMatchObject({ compared: 0, differing: 0, dropped: 1 })
})

it('never copies a write', async () => {
  const all = await shadowed(json({}), json({}))
  await fetch(`${all.url}/api/things`, {
    method: 'POST',
    headers: { 'x-subject': 'ann' },
    body: 'x',
  })
  await read(all.url)
  await settled(all)
  expect(all.service.seen.map((seen) => seen.method)).toEqual(['GET'])
})

it('drops and counts what it cannot keep up with, and clients do not wait for it', async () => {
  const all = await shadowed(json({ n: 1 }), () => {}, { concurrency: 1, queued: 2 })
  for (let i = 0; i < 5; i++) expect((await read(all.url)).status).toBe(200)
  expect(await settled(all, 3)).toMatchObject({ compared: 0, dropped: 3 })
})

it('tells places of a difference by JSON path, each once', () => {
  const answer = (value: unknown) => ({
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(value)),
  })
  const paths = (a: unknown, b: unknown) => differences(answer(a), answer(b)).map((d) => d.path)
  expect(paths({ a: [1, 2], b: 1 }, { b: 1, a: [1, 2] })).toEqual([])
  expect(paths({ a: [1, 2] }, { a: [3, 4, 5] })).toEqual(['$.a.length', '$.a[*]'])
  expect(paths({ 'a b': 1 }, { c: 1 })).toEqual(['$["a b"]', '$.c'])
  expect(paths({ a: null }, { a: {} })).toEqual(['$.a'])
  expect(paths([], {})).toEqual(['$'])
  expect(differences({ ...answer(1), status: 404 }, answer(1))[0]!.path).toBe('status')
  expect(differences({ ...answer(1), contentType: 'text/html' }, answer(1))[0]!.path).toBe(
    'header:content-type',
  )
})
