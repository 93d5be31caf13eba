import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import type { Gateway } from '@banyan/gateway'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningEngine } from './engine.ts'
import type { ControlStatus, Why } from './status.ts'
import { startForumLoad } from './testing/forum-load.ts'
import { ForumSystem } from './testing/forum-system.ts'

let forum: ForumSystem
let leader: RunningEngine
let standby: RunningEngine
let gateway: Gateway
let frozen: Server
let load: ReturnType<typeof startForumLoad> | undefined

beforeAll(async () => {
  forum = await ForumSystem.start({
    steps: [
      { percent: 25, seconds: 0, next: 'manual' },
      { percent: 50, seconds: 0, next: 'manual' },
      { percent: 100, seconds: 0 },
    ],
    gates: { minimumRequests: 0, latencyRatio: 1000 },
    shadow: { percent: 0 },
    handover: { holdBudgetMs: 4_000 },
    soakSeconds: 3600,
  })
  leader = await forum.startEngine()
  await forum.waitFor(async () => (await status(leader)).engine.role === 'leading')
  standby = await forum.startEngine(0)
  gateway = await forum.startGateway('one', [leader.url, standby.url])
  // Takes connections and says nothing: a gateway whose machine stands still.
  frozen = createServer(() => {})
  await new Promise<void>((resolve) => frozen.listen(0, '127.0.0.1', resolve))
}, 60_000)

afterAll(async () => {
  await load?.stop()
  await forum.stop()
  frozen.close()
})

async function status(engine: RunningEngine): Promise<ControlStatus> {
  return (await forum.control('GET', '/v1/status', undefined, engine)).body as ControlStatus
}

async function why(): Promise<Why> {
  return (await forum.control('GET', '/v1/extractions/posts/why')).body as Why
}

const waitsForPromote = () => forum.await((now) => now.waitsFor.includes('promote'))

describe('a second engine', () => {
  it('says that it stands by and who leads, takes decisions, and takes over', async () => {
    const { engine } = await status(standby)
    expect(engine).toMatchObject({ role: 'standing by', url: leader.url })
    expect(engine.active).not.toBe(engine.self)
    const started = await forum.control('POST', '/v1/extractions/posts/start', {}, standby)
    expect(started.status).toBe(202)
    await waitsForPromote()

    await forum.stopEngine(leader)
    await forum.waitFor(async () => (await status(standby)).engine.role === 'leading')
    const after = await status(standby)
    expect(after.engine).toMatchObject({ active: engine.self, url: standby.url })
    expect(after.engine.token).toBeGreaterThan(engine.token)
    await waitsForPromote()
    expect((await why()).next).toEqual(['banyan promote posts', 'banyan rollback posts'])
  }, 30_000)
})

describe('a gateway that vanishes without a word', () => {
  it('aborts handovers within the hold budget, is named, and is not waited for after its lease', async () => {
    load = startForumLoad(`http://127.0.0.1:${gateway.publicPort}`, forum.users)
    const adminUrl = `http://127.0.0.1:${(frozen.address() as AddressInfo).port}`
    await forum.control('POST', '/v1/gateways', {
      id: 'ghost',
      adminUrl,
      publicUrl: 'http://127.0.0.1:1',
    })
    // The first attempt holds, since nobody knows yet; it lets go before the budget is spent.
    const begun = (await forum.status()).handovers.length
    await forum.act('promote')
    const { handovers } = await forum.await((now) => now.handovers.length > begun)
    expect(handovers[begun]).toMatchObject({ outcome: 'aborted' })
    expect(handovers[begun]!.why).toContain('gateway "ghost"')
    await forum.waitFor(async () => (await why()).gateways.length > 0)
    expect((await why()).gateways[0]!.id).toBe('ghost')
    expect((await why()).lastAborted).not.toBeNull()

    const done = await forum.await((now) => now.percent === 50)
    const aborted = done.handovers.slice(begun).filter((one) => one.outcome === 'aborted')
    // Once it is known to be silent, nobody is held for it any more.
    expect(aborted.filter((one) => one.holdMs > 0).length).toBeLessThanOrEqual(2)
    const { failures, stale } = await load.stop()
    expect({ failures, stale }).toEqual({ failures: [], stale: [] })
  }, 120_000)
})
