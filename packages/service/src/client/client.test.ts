import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { CircuitBreaker, IDENTITY_HEADERS, SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest'
import { newScope, withScope } from '../scope.ts'
import type { CallReport } from './client.ts'
import { imageClient, imageServer, json, PICTURE } from './testing.ts'

/** Answers by turns, the last one for ever. */
const turns = (...answers: Parameters<typeof imageServer>[0][]) => {
  let turn = 0
  return ((request, response) =>
    answers[Math.min(turn++, answers.length - 1)]!(request, response)) as (typeof answers)[0]
}
const problem = (status: number, code: string, headers = {}) =>
  json({ code, title: 'No' }, status, headers)
const reset: Parameters<typeof imageServer>[0] = (request) => request.socket.destroy()
const hang: Parameters<typeof imageServer>[0] = () => {}

describe('a call', () => {
  it('sends what the route says and answers what its schema reads', async () => {
    const { baseUrl, seen, state } = await imageServer(json(PICTURE))
    const client = imageClient(baseUrl)
    const picture = await client.getImage({ params: { id: 'a/b c?' } })
    expectTypeOf(picture).toEqualTypeOf<{
      id: string
      title: string
      takenAt?: string | undefined
    }>()
    expect(picture).toEqual(PICTURE)
    state.answer = json([])
    await client.listImages({ query: { limit: 2, tag: ['x', 'y&z'] } })
    await client.listImages()
    state.answer = json(PICTURE, 201)
    await client.addImage({ body: { title: 'A tree' } })
    state.answer = (_, response) => void response.writeHead(204).end()
    expect(await client.removeImage({ params: { id: 'a' } })).toBeNull()
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/images/a%2Fb%20c%3F',
      'GET /v1/images?limit=2&tag=x&tag=y%26z',
      'GET /v1/images',
      'POST /v1/images',
      'DELETE /v1/images/a',
    ])
    // @ts-expect-error a route takes what its schema says
    await expect(client.getImage({ params: { id: '..' }, body: {} })).rejects.toThrow('must not be')
  })

  it('carries files as they are', async () => {
    const file = Buffer.from([0, 255, 10])
    const { baseUrl } = await imageServer((_, response) => void response.end(file))
    const answer = await imageClient(baseUrl).getFile({ params: { id: 'a' } })
    expect(answer).toEqual(new Uint8Array(file))
  })

  it('carries on what belongs to the request, and the service’s own token beside it', async () => {
    const { baseUrl, seen } = await imageServer(json(PICTURE))
    const client = imageClient(baseUrl, { tokens: { for: async (name) => `token-for-${name}` } })
    const scope = { ...newScope('c-1'), signedIdentity: 'signed' }
    await withScope(scope, () => client.getImage({ params: { id: 'a' } }))
    await client.getImage({ params: { id: 'a' } }, { context: { traceparent: '00-a-b-01' } })
    expect(seen[0]!.headers).toMatchObject({
      'x-correlation-id': 'c-1',
      [IDENTITY_HEADERS.signed]: 'signed',
      [SERVICE_TOKEN_HEADER]: 'token-for-images',
    })
    expect(seen[1]!.headers).toMatchObject({ traceparent: '00-a-b-01' })
    expect(seen[1]!.headers[IDENTITY_HEADERS.signed]).toBeUndefined()
    expect(seen[1]!.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('a call that fails', () => {
  it('says what the service answered', async () => {
    const { baseUrl } = await imageServer(problem(404, 'NOT_FOUND'))
    const failure = await imageClient(baseUrl)
      .getImage({ params: { id: 'a' } })
      .catch((error) => error)
    expect(failure).toMatchObject({
      code: 'UPSTREAM_REFUSED',
      status: 502,
      answer: { status: 404, code: 'NOT_FOUND', problem: { title: 'No' } },
    })
  })

  it.each([
    [
      'what is not JSON',
      (_: unknown, r: { end(text: string): void }) => r.end('<html>'),
      'not JSON',
    ],
    ['what its schema refuses', json({ id: 1 }), 'id: invalid_type; title: invalid_type'],
    ['a status that is not described', json({}, 202), 'does not describe'],
    [
      'more than is allowed',
      json({ ...PICTURE, title: 'x'.repeat(2_000) }),
      'more than 1000 bytes',
    ],
    ['a redirect', json({}, 302, { location: 'http://127.0.0.1:1/' }), '302'],
  ] as [string, Parameters<typeof imageServer>[0], string][])(
    'is refused %s',
    async (_, answer, reason) => {
      const { baseUrl, seen } = await imageServer(answer)
      const call = imageClient(baseUrl, { answerBytes: 1_000 }).getImage({ params: { id: 'a' } })
      await expect(call).rejects.toThrow(reason)
      expect(seen).toHaveLength(1)
    },
  )

  it.each([
    ['a reset', reset],
    ['500', problem(500, 'INTERNAL')],
    ['503', problem(503, 'UNAVAILABLE', { 'retry-after': '0' })],
    [
      'an answer cut off',
      (_: unknown, r: { write(text: string): void; socket: Socket }) => {
        r.write('{"id":')
        r.socket.destroy()
      },
    ],
  ] as [string, Parameters<typeof imageServer>[0]][])(
    'with %s is tried again',
    async (_, answer) => {
      const { baseUrl, seen } = await imageServer(turns(answer, answer, json(PICTURE)))
      expect(await imageClient(baseUrl).getImage({ params: { id: 'a' } })).toEqual(PICTURE)
      expect(seen).toHaveLength(3)
    },
  )

  it('is tried again only where that cannot do it twice', async () => {
    const { baseUrl, seen, state } = await imageServer(reset)
    const client = imageClient(baseUrl, {
      retry: { saved: 100 },
      circuit: { leastCalls: Number.POSITIVE_INFINITY },
    })
    const sent = async (call: Promise<unknown>) => {
      const before = seen.length
      await call.catch(() => {})
      return seen.length - before
    }
    expect(await sent(client.addImage({ body: { title: 'a' } }))).toBe(1)
    expect(await sent(client.countImages())).toBe(4)
    const keyed = client.addImage({ body: { title: 'a' } }, { idempotencyKey: true })
    expect(await sent(keyed)).toBe(4)
    const keys = seen.slice(-4).map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(1)
    state.answer = problem(400, 'BAD_REQUEST')
    expect(await sent(client.getImage({ params: { id: 'a' } }))).toBe(1)
    // The wait that is asked for is longer than the call may take.
    state.answer = problem(503, 'UNAVAILABLE', { 'retry-after': '60' })
    expect(await sent(client.getImage({ params: { id: 'a' } }))).toBe(1)
  })

  it('is tried again whatever it does when no connection was made', async () => {
    const { baseUrl, server } = await imageServer(json(PICTURE))
    await new Promise((resolve) => server.close(resolve))
    const reports: CallReport[] = []
    const client = imageClient(baseUrl, { onCall: (report) => reports.push(report) })
    const call = client.addImage({ body: { title: 'a' } })
    await expect(call).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
    expect(reports).toMatchObject([
      {
        api: 'images',
        route: 'addImage',
        outcome: 'UPSTREAM_UNREACHABLE',
        attempts: 4,
        status: null,
      },
    ])
  })

  it('ends at its timeout when the service hangs, before its answer or within', async () => {
    const { baseUrl, state } = await imageServer(hang)
    const client = imageClient(baseUrl, { timeoutMs: 50 })
    const late = { code: 'UPSTREAM_TIMEOUT', status: 504, values: { timeoutMs: 50 } }
    await expect(client.getImage({ params: { id: 'a' } })).rejects.toMatchObject(late)
    state.answer = (_, response) => void response.write('{"id"')
    await expect(client.getImage({ params: { id: 'a' } })).rejects.toMatchObject(late)
  })

  it('ends after 5 s where nothing else is said', async () => {
    const { baseUrl } = await imageServer(hang)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const ended = imageClient(baseUrl)
      .countImages()
      .catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(4_999)
    expect(await Promise.race([ended, 'under way'])).toBe('under way')
    await vi.advanceTimersByTimeAsync(1)
    expect(await ended).toMatchObject({ code: 'UPSTREAM_TIMEOUT', values: { timeoutMs: 5_000 } })
  })

  it('ends at its timeout on a connection whose other end is gone without a word', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.resume()))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    const call = imageClient(`http://127.0.0.1:${port}`, { timeoutMs: 50 }).countImages()
    await expect(call).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
    await expect.poll(() => sockets.every((socket) => socket.readableEnded)).toBe(true)
  })

  it('ends when its caller leaves, and so does its request', async () => {
    const { baseUrl, server } = await imageServer(hang)
    const arrived = once(server, 'request')
    const reports: CallReport[] = []
    const client = imageClient(baseUrl, { onCall: (report) => reports.push(report) })
    const leave = new AbortController()
    const call = client.getImage({ params: { id: 'a' } }, { signal: leave.signal })
    const [request] = await arrived
    const closed = once(request.socket, 'close')
    leave.abort(new Error('gone'))
    await expect(call).rejects.toThrow('gone')
    await closed
    expect(reports).toMatchObject([{ outcome: 'aborted', attempts: 1 }])
  })
})

describe('a service in trouble', () => {
  it('is asked at most 1.2 times as often as it is called, and 3', async () => {
    const { baseUrl, seen } = await imageServer(problem(503, 'UNAVAILABLE'))
    const client = imageClient(baseUrl, { circuit: { leastCalls: Number.POSITIVE_INFINITY } })
    for (let call = 0; call < 200; call++) await client.countImages().catch(() => {})
    expect(seen.length).toBeGreaterThan(200)
    expect(seen.length).toBeLessThanOrEqual(200 * 1.2 + 3)
  })

  it('is not asked while the circuit is open, then once, and again by all once it is well', async () => {
    let time = 0
    const states: string[] = []
    const { baseUrl, seen, state } = await imageServer(problem(500, 'INTERNAL'))
    const client = imageClient(baseUrl, {
      retry: { saved: 0, share: 0 },
      now: () => time,
      onCircuit: (now) => states.push(now),
    })
    const call = () =>
      client.countImages().then(
        () => 'ok',
        (error) => error.code,
      )
    for (let n = 0; n < 10; n++) await call()
    expect(await call()).toBe('CIRCUIT_OPEN')
    expect([seen.length, client.circuit]).toEqual([10, 'open'])

    time += 5_000
    expect(await Promise.all([call(), call()])).toEqual(['UPSTREAM_REFUSED', 'CIRCUIT_OPEN'])
    expect(seen.length).toBe(11)
    time += 5_000
    state.answer = json({ count: 1 })
    expect(await call()).toBe('ok')
    expect(await Promise.all([call(), call()])).toEqual(['ok', 'ok'])
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
  })

  it('is not asked any more once half of ten calls failed, and still is after fewer', () => {
    const breaker = new CircuitBreaker({}, () => 0)
    const settle = (times: number, outcome: 'well' | 'failed') => {
      for (let n = 0; n < times; n++) breaker.enter()!(outcome)
    }
    settle(6, 'well')
    settle(4, 'failed')
    expect(breaker.state).toBe('closed')
    settle(2, 'failed')
    expect(breaker.state).toBe('open')
  })

  it('holds so many calls and no more', async () => {
    const { baseUrl, seen, state } = await imageServer(hang)
    const client = imageClient(baseUrl, { bulkhead: { concurrency: 2, queue: 1 } })
    const leave = new AbortController()
    const calls = [1, 2, 3].map(() => client.countImages(undefined, { signal: leave.signal }))
    await expect(client.countImages()).rejects.toMatchObject({
      code: 'TOO_MANY_CALLS',
      values: { running: 2, waiting: 1 },
    })
    await expect.poll(() => seen.length).toBe(2)
    leave.abort(new Error('gone'))
    await Promise.all(calls.map((call) => expect(call).rejects.toThrow('gone')))
    state.answer = json({ count: 1 })
    const after = await Promise.all([
      client.countImages(),
      client.countImages(),
      client.countImages(),
    ])
    expect(after).toEqual([{ count: 1 }, { count: 1 }, { count: 1 }])
  })
})
