import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { BucketSet, bucketOf, type ExtractionRoutes } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { hold, RawClient, startGateway, table, upstream } from './testing.ts'

/** mulberry32: small, seeded, good enough to pick from lists. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

it('fails no request and no stream through 200 changes under load, and no write reaches a side during or after its handover', async () => {
  const seed = Date.now() % 100_000
  console.log(`seed ${seed}`)
  const random = randomFrom(seed)
  const users = Array.from({ length: 32 }, (_, i) => `user-${i}`)
  // What the databases would enforce: which side may write a user's rows now.
  const owner = new Map(users.map((user) => [user, 'monolith' as 'monolith' | 'service' | null]))
  const strays: string[] = []
  const events: ServerResponse[] = []
  const side = (name: 'monolith' | 'service') =>
    upstream(name, (seen, response) => {
      if (seen.url === '/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        events.push(response)
        response.write('data: begun\n\n')
        return
      }
      const user = seen.headers['x-subject'] as string
      const check = () => {
        if (owner.get(user) !== name) strays.push(`${seen.method} of ${user} at ${name}`)
      }
      check()
      setTimeout(() => {
        check()
        response.end(name)
      }, random() * 5)
    })
  const monolith = await side('monolith')
  const service = await side('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1),
  })
  monolith.server.on('upgrade', (_, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n')
    socket.write('Connection: Upgrade\r\n\r\nbegun')
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  const streams = await Promise.all(
    ['/events', '/chat'].map(async (path) => {
      const upgrade = path === '/chat' ? 'Connection: Upgrade\r\nUpgrade: websocket\r\n' : ''
      const stream = await RawClient.connect(url)
      stream.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)
      await stream.until(/begun/)
      return stream
    }),
  )
  let running = true
  let answered = 0
  const failures: string[] = []
  const clients = users.map(async (user) => {
    while (running) {
      const write = random() < 0.5
      const answer = await fetch(`${url}/api/things/1`, {
        method: write ? 'POST' : 'GET',
        headers: { 'x-subject': user },
        ...(write ? { body: 'x' } : {}),
      })
      await answer.text()
      answered++
      if (answer.status !== 200) failures.push(`${answer.status} for ${user}`)
    }
  })
  let version = 1
  let target = BucketSet.none
  const put = async (next: Partial<ExtractionRoutes>) => {
    const given = table(monolith.url, service.url, ++version, {
      targetBuckets: target.toString(),
      ...next,
    })
    const { body } = await admin('PUT', '/table?drainMs=10000', given)
    expect(body).toMatchObject({ drained: true, version })
  }
  while (version < 200) {
    const moving = users.filter(() => random() < 0.3)
    const buckets = BucketSet.of(moving.map(bucketOf))
    const toTarget = random() < 0.5
    const held = { ...hold(30_000)!, buckets: buckets.toString() }
    await put({ hold: held })
    await put({ hold: { ...held, reads: true } })
    const affected = users.filter((user) => buckets.has(bucketOf(user)))
    for (const user of affected) owner.set(user, null)
    // A turn in which nobody owns them: whatever were forwarded now would be seen.
    await new Promise((resolve) => setImmediate(resolve))
    for (const user of affected) owner.set(user, toTarget ? 'service' : 'monolith')
    target = toTarget ? target.union(buckets) : target.minus(buckets)
    await put({})
    events[0]!.write(`data: ${version}\n\n`)
    streams[1]!.send(`frame ${version}\n`)
  }
  running = false
  await Promise.all(clients)
  expect(failures).toEqual([])
  for (const [i, word] of ['data: ', 'frame '].entries()) {
    expect(await streams[i]!.until(new RegExp(`${word}${version}\\n`))).toContain(`${word}4\n`)
    expect(streams[i]!.closed).toBe(false)
  }
  expect(strays).toEqual([])
  expect(answered).toBeGreaterThan(users.length)
})
