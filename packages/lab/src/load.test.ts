import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { freePort } from '@banyan/postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkHistory, type Verdict } from './check.ts'
import { HistoryFile, readHistory } from './history.ts'
import { type Client, dueAfter, Load, type LoadCounts } from './load.ts'
import type { Random } from './random.ts'

/** An application with one register a user, and the faults it is asked to have. */
class Registers {
  readonly values = new Map<string, string>()
  readonly requests = new Map<string, number>()
  overlapping = 0
  fault: 'none' | 'lose' | 'stale' | 'break' | 'refuse' | 'hold' = 'none'
  #server: Server
  #count = 0
  readonly #running = new Set<string>()

  constructor() {
    this.#server = createServer(async (request, response) => {
      const user = String(request.headers['x-user'])
      if (this.#running.has(user)) this.overlapping++
      this.#running.add(user)
      const body = await text(request)
      this.#running.delete(user)
      const fault = ++this.#count % 10 === 0 ? this.fault : 'none'
      if (fault === 'break') return void request.socket.destroy()
      if (fault === 'refuse' || fault === 'hold') {
        const code = fault === 'hold' ? 'HELD_TOO_LONG' : 'TOO_MANY'
        response.writeHead(fault === 'hold' ? 503 : 429)
        return void response.end(JSON.stringify({ code }))
      }
      if (request.method === 'PUT') {
        const { value } = JSON.parse(body) as { value: string }
        this.requests.set(value, (this.requests.get(value) ?? 0) + 1)
        if (fault !== 'lose') this.values.set(user, value)
      }
      const shown = fault === 'stale' ? '0' : (this.values.get(user) ?? null)
      response.end(JSON.stringify({ value: shown }))
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

class Writer implements Client {
  readonly user: string
  readonly headers: Record<string, string>
  #version = 0

  constructor(user: string) {
    this.user = user
    this.headers = { 'x-user': user }
  }

  next(random: Random) {
    const { user } = this
    if (random.next() < 0.5) {
      return {
        op: 'read',
        method: 'GET' as const,
        path: '/',
        writes: false,
        conclude: (_: unknown, answer: { body: unknown } | null) => ({
          reads: [
            {
              entity: user,
              value: (answer?.body as { value: string | null } | undefined)?.value ?? null,
            },
          ],
        }),
      }
    }
    const value = `${user}-${++this.#version}`
    return {
      op: 'write',
      method: 'PUT' as const,
      path: '/',
      body: { value },
      writes: true,
      conclude: () => ({ writes: [{ entity: user, set: value }] }),
    }
  }
}

describe('dueAfter', () => {
  it('asks for so many a second from the beginning', () => {
    expect([0, 10, 1_000, 2_500].map((ms) => dueAfter(ms, 250, 0))).toEqual([0, 2, 250, 625])
  })

  it('rises evenly, and stays', () => {
    const perSecond = [1_000, 2_000, 3_000, 4_000, 5_000].map(
      (ms) => dueAfter(ms, 600, 3_000) - dueAfter(ms - 1_000, 600, 3_000),
    )
    expect(perSecond).toEqual([100, 300, 500, 600, 600])
    expect(dueAfter(3_000, 600, 3_000)).toBe(900)
  })
})

describe('Load', () => {
  let application: Registers
  let folder: string
  beforeEach(async () => {
    application = new Registers()
    folder = await mkdtemp(join(tmpdir(), 'banyan-load-'))
  })
  afterEach(async () => {
    application.close()
    await rm(folder, { recursive: true })
  })

  async function run(
    requests: number,
    gateways = async () => [await application.listen()],
    rampMs = 0,
  ): Promise<{ counts: LoadCounts; verdict: Verdict }> {
    const path = join(folder, 'history.ndjson')
    const history = new HistoryFile(path)
    const load = new Load({
      urls: await gateways(),
      clients: Array.from({ length: 20 }, (_, i) => new Writer(`user-${i}`)),
      rate: 2_000,
      rampMs,
      seed: 7,
      history,
    })
    load.start()
    while (load.counts.sent < requests) await new Promise((resolve) => setTimeout(resolve, 5))
    await load.stop()
    await history.close()
    const final = [...application.values].map(([user, value]) => ({ user, entity: user, value }))
    const verdict = await checkHistory({ initial: [], operations: readHistory(path), final })
    return { counts: load.counts, verdict }
  }

  it('records every request of an honest application, and the checker finds nothing', async () => {
    const { counts, verdict } = await run(500)
    expect(verdict).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
    expect(verdict.acknowledged).toBe(counts.acknowledgedWrites)
    expect(counts.acknowledgedWrites + counts.reads).toBe(counts.sent)
    expect(counts.failed).toBe(0)
    expect(application.overlapping).toBe(0)
  })

  it.each([-1, Number.NaN])('refuses to rise within %d ms', async (rampMs) => {
    await expect(run(1, undefined, rampMs)).rejects.toThrow(RangeError)
  })

  it('begins as slowly as it is told to', async () => {
    const begun = performance.now()
    const { counts } = await run(20, undefined, 10_000)
    // Of 2,000/s, reached after 10 s, the twentieth is due after the root of 2 * 20 * 10 / 2,000 s.
    expect(performance.now() - begun).toBeGreaterThan(440)
    expect(counts.failed).toBe(0)
  })

  it.each(['lose', 'stale'] as const)(
    'makes an application that does this be found out: %s',
    async (fault) => {
      application.fault = fault
      const { verdict } = await run(500)
      expect(verdict.lost + verdict.stale).toBeGreaterThan(0)
    },
  )

  it('counts a broken connection as unknown, and never sends anything twice', async () => {
    application.fault = 'break'
    const { counts, verdict } = await run(300)
    expect(counts.failed).toBeGreaterThan(0)
    expect(Math.max(...application.requests.values())).toBe(1)
    expect(verdict).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
  })

  it.each(['refuse', 'hold'] as const)(
    'knows answers that say it was not done: %s',
    async (fault) => {
      application.fault = fault
      const { counts, verdict } = await run(300)
      const what = fault === 'hold' ? 'write 503 HELD_TOO_LONG' : 'write 429 TOO_MANY'
      expect(counts.failures[what]).toBeGreaterThan(0)
      expect(verdict).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
    },
  )

  it('sends by another gateway what one that is gone has not taken', async () => {
    const { counts, verdict } = await run(300, async () => [
      await application.listen(),
      `http://127.0.0.1:${await freePort()}`,
    ])
    expect(counts.repeated).toBeGreaterThan(0)
    expect(counts.failed).toBe(0)
    expect(verdict).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
  })

  it('never repeats a write whose connection broke, and repeats such a read', async () => {
    application.fault = 'break'
    const { counts, verdict } = await run(400, async () => {
      const url = await application.listen()
      return [url, url]
    })
    expect(counts.repeated).toBeGreaterThan(0)
    expect(counts.failures['write UND_ERR_SOCKET']).toBeGreaterThan(0)
    expect(Math.max(...application.requests.values())).toBe(1)
    expect(verdict).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
  })
})
