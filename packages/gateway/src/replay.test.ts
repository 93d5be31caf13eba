import { NOT_OWNER_HEADER } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { ALL, startGateway, table, upstream } from './testing.ts'

const notOwner: Parameters<typeof upstream>[1] = (_, response) => {
  response.statusCode = 409
  response.setHeader(NOT_OWNER_HEADER, '1')
  response.end('{"code":"NOT_OWNER"}')
}

async function start(
  sides: { source?: typeof notOwner; target?: typeof notOwner },
  targetBuckets = ALL,
) {
  const monolith = await upstream('monolith', sides.source)
  const service = await upstream('service', sides.target)
  const started = await startGateway({
    monolith: monolith.url,
    replayBytes: 100,
    table: table(monolith.url, service.url, 1, { targetBuckets }),
  })
  const post = (body: string | ReadableStream) =>
    fetch(`${started.url}/api/things`, {
      method: 'POST',
      headers: { 'x-subject': 'ann' },
      body,
      duplex: 'half',
    } as RequestInit)
  return { monolith, service, post, ...started }
}

const chunked = (text: string) => new Blob([text]).stream()

it('sends a write again to the other side when the first does not own the row, and counts it', async () => {
  const { post, monolith, service, admin } = await start({ target: notOwner })
  for (const body of ['hello', chunked('hello')]) {
    const answer = await post(body)
    expect(await answer.json()).toMatchObject({
      side: 'monolith',
      url: '/api/things',
      body: 'hello',
    })
    expect(answer.headers.get(NOT_OWNER_HEADER)).toBeNull()
  }
  expect(service.seen).toHaveLength(2)
  expect(monolith.seen[0]!.headers['x-user-id']).toBeUndefined()
  expect((await admin('GET', '/stats')).body).toMatchObject({ extractions: [{ replayed: 2 }] })
})

it('sends it again only once: two sides that both refuse are told to the client', async () => {
  const { post, monolith, service } = await start({ source: notOwner, target: notOwner })
  const answer = await post('hello')
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('1')
  expect(await answer.json()).toMatchObject({ code: 'NOT_OWNER', extraction: 'things' })
  expect([monolith.seen.length, service.seen.length]).toEqual([1, 1])
})

it('tells the client to try again when the body was too large to keep', async () => {
  const { post, monolith } = await start({ target: notOwner })
  for (const body of ['x'.repeat(101), chunked('x'.repeat(101))]) {
    const answer = await post(body)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
  }
  expect(monolith.seen).toHaveLength(0)
})

it('passes a conflict of a side’s own on as it is', async () => {
  const { post } = await start({
    target: (_, response) => {
      response.statusCode = 409
      response.end('taken')
    },
  })
  const answer = await post('hello')
  expect([answer.status, await answer.text()]).toEqual([409, 'taken'])
})
