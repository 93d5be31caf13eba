import { Agent, createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { GatewayRegistration } from '@banyan/contracts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { GatewayWorkers } from '../index.ts'
import { RawClient, until } from '../testing.ts'
import { Group } from './testing/group.ts'

/** Between two requests of one client, ms. */
const PAUSE_MS = 10

let group: Group
let workers: GatewayWorkers
let control: Control
let monolith: Awaited<ReturnType<typeof startMonolith>>
/** Requests so far that were answered. */
let answered = 0

beforeAll(async () => {
  monolith = await startMonolith()
  control = await startControl()
  group = await Group.start({
    monolith: monolith.url,
    control: { urls: [control.url], token: 'control-token-of-the-tests' },
    limits: {
      rules: [{ name: 'few', paths: ['/few'], per: 'user', requests: 20, seconds: 2, burst: 40 }],
    },
    // Nothing here may depend on how long a busy machine takes for an answer.
    timeouts: { answerMs: 60_000, closeMs: 2_000, firstTableMs: 300 },
  })
  workers = group.workers
})

afterAll(async () => {
  await group.stop()
  for (const server of [monolith.server, control.server]) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Answers at once, but for `/wait`, which waits for the test, and `/events`, which goes on. */
async function startMonolith() {
  const waiting = new Set<ServerResponse>()
  const left = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    if (request.url === '/wait') {
      waiting.add(response)
      response.on('close', () => {
        if (!response.writableFinished) left.add(response)
      })
    } else if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 0\n\n')
    } else response.end('answer')
  })
  return { server, url: await listening(server), waiting, left }
}

type Control = Awaited<ReturnType<typeof startControl>>

/** A control plane that gives every gateway a lease, and no table. */
async function startControl() {
  const registered: GatewayRegistration[] = []
  const state = { away: false }
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += String(piece)
    if (state.away) {
      response.writeHead(503).end()
      return
    }
    if (request.url === '/v1/gateways') registered.push(JSON.parse(text))
    response.end(JSON.stringify({ leaseMs: 60_000, table: null }))
  })
  return { server, url: await listening(server), registered, state }
}

/** Clients that go on asking until it is called: half over connections that they keep, half over new ones. */
function load() {
  const kept = new Agent({ keepAlive: true })
  const results: (number | null)[] = []
  let running = true
  const clients = Array.from({ length: 8 }, async (_, i) => {
    while (running) {
      results.push(await group.ask('/', i % 2 === 0 ? kept : false))
      // Leaves the machine to the workers that begin.
      await delay(PAUSE_MS)
    }
  })
  return async () => {
    running = false
    await Promise.all(clients)
    kept.destroy()
    answered += results.length
    return results
  }
}

/** Requests that wait at the monolith, so many that each worker has one; and how many each has. */
async function waitingAtBoth() {
  const asked: Promise<number | null>[] = []
  const calls = await until(async () => {
    asked.push(group.ask('/wait'))
    await until(() => monolith.waiting.size === asked.length)
    const { workers: all } = (await workers.health()) as unknown as {
      workers: { pid: number; health: { calls: number } }[]
    }
    if (!all.every(({ health }) => health.calls > 0)) return null
    return new Map(all.map(({ pid, health }) => [pid, health.calls]))
  })
  return { asked, calls }
}

it('each register as a gateway of its own, and share a port', async () => {
  const { registered } = control
  await until(() => registered.length === 2)
  expect(registered.map(({ id }) => id).sort()).toEqual(['test-w1', 'test-w2'])
  expect(new Set(registered.map(({ adminUrl }) => adminUrl)).size).toBe(2)
  expect(registered.map(({ publicUrl }) => publicUrl)).toEqual([group.url, group.url])
  const health = await fetch(`http://127.0.0.1:${workers.adminPort}/health`)
  expect(health.status).toBe(200)
})

it('let no more pass together than one would', async () => {
  const began = performance.now()
  const results: (number | null)[] = []
  const clients = Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 40; i++) results.push(await group.ask('/few'))
  })
  await Promise.all(clients)
  const passed = results.filter((status) => status === 200).length
  answered += results.length
  expect(results.filter((status) => status === 429)).toHaveLength(320 - passed)
  const quota = 40 + ((performance.now() - began) / 2_000) * 20
  expect(passed).toBeLessThanOrEqual(1.01 * quota)
  expect(passed).toBeGreaterThanOrEqual(40)
  expect(await group.summed('banyan_gateway_uncounted_requests_total')).toBe(0)
})

it('take the place of those that die; only what these were doing is lost', async () => {
  const { asked, calls } = await waitingAtBoth()
  const [victim] = workers.workers
  const { adminUrl, id } = control.registered.find(({ id }) =>
    id.endsWith(`w${victim!.seat.number}`),
  )!
  const end = load()
  process.kill(victim!.pid, 'SIGKILL')
  await victim!.ended
  await until(() => monolith.left.size === calls.get(victim!.pid))
  await until(() => workers.workers.filter(({ state }) => state === 'serving').length === 2)
  for (const response of monolith.waiting) response.end('at last')
  const results = await Promise.all(asked)
  expect(results.filter((status) => status === null)).toHaveLength(monolith.left.size)
  expect(results.filter((status) => status === 200)).toHaveLength(asked.length - monolith.left.size)
  // Of the load, at most what was on its way to the one that died.
  const lost = (await end()).filter((status) => status !== 200)
  expect(lost.length).toBeLessThanOrEqual(8)
  const again = control.registered.filter((one) => one.id === id)
  expect(again.map((one) => one.adminUrl)).toEqual([adminUrl, adminUrl])
})

it('lose no request when they are replaced, twice, and end streams whole', async () => {
  const before = await group.summed('banyan_gateway_requests_total')
  const asked = answered
  const end = load()
  const stream = (await RawClient.connect(group.url)).send(
    'GET /events HTTP/1.1\r\nHost: a\r\n\r\n',
  )
  await stream.until(/data: 0/)
  for (let i = 0; i < 2; i++) {
    const pids = workers.workers.map(({ pid }) => pid)
    await workers.reload()
    const serving = workers.workers.filter(({ state }) => state === 'serving')
    expect(serving).toHaveLength(2)
    expect(serving.some(({ pid }) => pids.includes(pid))).toBe(false)
  }
  const results = await end()
  expect(results.filter((status) => status !== 200)).toEqual([])
  await until(() => stream.closed)
  expect(stream.received).toMatch(/0\r\n\r\n$/)
  // Of those that are gone too.
  await until(() => workers.workers.length === 2)
  expect(await group.summed('banyan_gateway_requests_total')).toBe(before + answered - asked + 1)
})

it('stay when new ones cannot serve: settings that are none, or no control plane', async () => {
  const pids = workers.workers.map(({ pid }) => pid)
  const end = load()
  await group.set({ monolith: 'nowhere' })
  await expect(workers.reload()).rejects.toMatchObject({
    code: 'RELOAD_REFUSED',
    message: expect.stringContaining('gateway option monolith'),
  })
  await group.set({})
  control.state.away = true
  await expect(workers.reload()).rejects.toMatchObject({
    message: expect.stringContaining('gave it a table'),
  })
  control.state.away = false
  expect(workers.workers.map(({ pid }) => pid)).toEqual(pids)
  expect((await end()).filter((status) => status !== 200)).toEqual([])
})

it('finish what they are doing before they end', async () => {
  monolith.waiting.clear()
  const { asked } = await waitingAtBoth()
  const closed = workers.close()
  await until(async () => (await group.ask('/')) === null)
  for (const response of monolith.waiting) response.end('at last')
  expect(await Promise.all(asked)).toEqual(asked.map(() => 200))
  await closed
})
