import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from './doctor/index.ts'
import type { IndexStanding } from './index-client.ts'
import type { ExtractionPlan } from './plan.ts'
import type { Phase } from './status.ts'
import { StatelessSystem } from './testing/stateless-system.ts'

let system: StatelessSystem
/** What the service says of its index; a test changes it. */
let standing: IndexStanding
const begun: string[] = []
/** What a POST makes of the standing. */
let onBegin: (run: string) => IndexStanding

const complete = (run: string): IndexStanding => ({
  ...{ run, state: 'complete', done: 7, total: 7, lagMs: 0, reason: null },
})

const conditions = {
  steps: [
    { percent: 50, seconds: 0, next: 'manual' },
    { percent: 100, seconds: 0 },
  ],
  // One process serves all of it: latencies say nothing here, and each step would wait for them.
  gates: { minimumRequests: 0, latencyRatio: 1000 },
  shadow: { minimumCompared: 5 },
  soakSeconds: 0,
} satisfies Partial<ExtractionPlan>

const at = (path: string) => [{ methods: [], path }]

beforeAll(async () => {
  system = await StatelessSystem.start(
    (url) => [
      {
        kind: 'routes',
        name: 'words',
        service: { url },
        routes: at('/api/words/*'),
        ...conditions,
      },
      {
        kind: 'routes',
        name: 'fails',
        service: { url },
        routes: at('/api/fails/*'),
        ...conditions,
      },
      {
        kind: 'index',
        name: 'search',
        service: { url },
        index: { path: '/internal/v1/index' },
        routes: at('/api/search/*'),
        ...conditions,
        shadow: { percent: 0 },
      },
    ],
    (url) => [
      {
        name: 'stock',
        url,
        routes: [{ methods: [], path: '/api/stock/*', rewrite: { from: '/api', to: '/v1' } }],
      },
    ],
  )
  system.service.internal = (method, { run }) => {
    if (method === 'POST') {
      begun.push(String(run))
      standing = onBegin(String(run))
    }
    return { status: method === 'POST' ? 202 : 200, body: standing }
  }
}, 60_000)
afterAll(() => system.stop())

const phase = (wanted: Phase) => (status: { phase: Phase }) => status.phase === wanted
const waitsForPromote = (status: { waitsFor: readonly string[] }) =>
  status.waitsFor.includes('promote')

async function ledger(name: string): Promise<string[]> {
  const { entries } = await system.control.ledger(name)
  return entries.map(({ kind, what }) => `${kind} ${what}`)
}

describe('requests that move alone', () => {
  it('go there, back at once, there again and stay, and no request fails', async () => {
    const path = '/api/words/one'
    await system.control.act('words', 'start', { by: 'test' })
    const there = await system.until('words', waitsForPromote, path)
    expect(there.status).toMatchObject({ kind: 'routes', phase: 'canary', percent: 50 })
    // The next engine goes on from where this one stood: the route table says who owns what.
    await system.stopEngine()
    expect(await system.everyoneAsks(path)).toEqual([])
    await system.startEngine()
    const after = await system.until('words', waitsForPromote, path)
    expect(after.status.percent).toBe(50)

    await system.control.act('words', 'rollback', { by: 'test' })
    const back = await system.until('words', phase('rolled back'), path)
    const before = system.service.asked.length
    expect(await system.everyoneAsks(path)).toEqual([])
    expect(system.service.asked.length).toBe(before)

    await system.control.act('words', 'promote', { by: 'test', percent: 100 })
    const again = await system.until('words', phase('soaking'), path)
    await system.control.act('words', 'complete', { by: 'test' })
    const end = await system.until('words', phase('completed'), path)
    expect([there, after, back, again, end].flatMap(({ failed }) => failed)).toEqual([])
    expect(end.status.handovers.map(({ to, buckets, holdMs }) => [to, buckets, holdMs])).toEqual([
      ['target', 512, 0],
      ['source', 512, 0],
      ['target', 1024, 0],
    ])
    const atMonolith = system.monolith.asked.length
    expect(await system.everyoneAsks(path)).toEqual([])
    expect(system.monolith.asked.length).toBe(atMonolith)
  }, 60_000)

  it('are taken back by the gates when the service begins to fail, and stay back', async () => {
    const path = '/api/fails/one'
    await system.control.act('fails', 'start', { by: 'test' })
    await system.until('fails', waitsForPromote, path)
    system.service.answerWith((asked) => (asked.startsWith('/api/fails') ? { status: 500 } : null))
    const taken = (now: { phase: Phase; percent: number }) =>
      now.phase === 'rolled back' && now.percent === 0
    await system.until('fails', taken, path)
    expect(await ledger('fails')).toContain('decision rollback')
    expect(await system.everyoneAsks(path)).toEqual([])
    system.service.answerWith(null)
    await system.control.act('fails', 'cancel', { by: 'test' })
    await system.until('fails', phase('cancelled'), path)
  }, 60_000)

  it('have no rows that an operator could ask about', async () => {
    for (const action of ['verify', 'throttle', 'abandon'] as const) {
      const asked = system.control.act('fails', action, { by: 'test', rowsPerSecond: 1 })
      await expect(asked).rejects.toThrow(/WRONG_(KIND|PHASE)|moves none|needs one of/)
    }
  })
})

describe('an index that the service derives', () => {
  const path = '/api/search/castle'

  it('is filled first, and a backfill that fails is told and begun again', async () => {
    standing = { ...complete(''), run: null, state: 'none', done: 0, total: 0 }
    onBegin = (run) =>
      begun.length === 1
        ? { ...complete(run), state: 'failed', done: 3, reason: 'the disk is full' }
        : { ...complete(run), state: 'filling', done: 3 }
    await system.control.act('search', 'start', { by: 'test' })
    const failed = await system.until('search', ({ index }) => index?.state === 'failed', path)
    expect(failed.status).toMatchObject({ phase: 'copying', index: { reason: 'the disk is full' } })
    await system.until('search', ({ index }) => index?.state === 'filling', path)
    expect((await ledger('search')).filter((one) => one.includes('backfill'))).toEqual([
      'intent backfill',
      'fact backfill failed',
      'intent backfill',
    ])
    // Another engine asks for nothing that is under way.
    await system.stopEngine()
    await system.startEngine()
    const after = await system.until(
      'search',
      ({ waitsFor }) => waitsFor.some((one) => one.startsWith('the backfill to end')),
      path,
    )
    expect(after.status.waitsFor).toEqual(['the backfill to end (3 of 7)'])
    expect(new Set(begun).size).toBe(1)
    expect(begun).toHaveLength(2)
  }, 60_000)

  it('is not switched to while it is behind, before the first step and between two', async () => {
    standing = { ...complete(begun[0]!), lagMs: 60_000 }
    const behind = await system.until(
      'search',
      ({ waitsFor }) => waitsFor.some((one) => one.startsWith('the lag of the index')),
      path,
    )
    expect(behind.status).toMatchObject({ phase: 'verifying', index: { lagMs: 60_000 } })
    expect(system.service.asked).not.toContain(path)
    standing = complete(begun[0]!)
    await system.until('search', waitsForPromote, path)

    standing = { ...standing, lagMs: 60_000 }
    const stays = await system.until(
      'search',
      ({ waitsFor }) => waitsFor.some((one) => one.startsWith('lag')),
      path,
    )
    expect(stays.status).toMatchObject({ phase: 'canary', percent: 50 })
    expect(stays.status.waitsFor).not.toContain('promote')
    expect((await system.control.why('search')).gates).toContainEqual({
      gate: 'lag of the index',
      measured: '60000 ms',
      required: 'at most 2000 ms',
      state: 'waits',
    })

    standing = complete(begun[0]!)
    await system.until('search', waitsForPromote, path)
    await system.control.act('search', 'promote', { by: 'test' })
    await system.until('search', phase('soaking'), path)
    await system.control.act('search', 'complete', { by: 'test' })
    const { failed } = await system.until('search', phase('completed'), path)
    expect(failed).toEqual([])
  }, 60_000)

  it('that cannot be asked about is found by the doctor', async () => {
    const ask = async () =>
      (await diagnose(system.plan, 'search')).filter(({ check }) => check.startsWith('index-'))
    expect(await ask()).toMatchObject([{ check: 'index-standing', severity: 'note' }])
    system.service.internal = () => ({ status: 401, body: { title: 'no token' } })
    const found = await ask()
    expect(found).toMatchObject([{ check: 'index-unreachable', severity: 'error' }])
    expect(found[0]!.finding).toContain('answered 401')
  }, 30_000)
})

describe('a service that the monolith never had', () => {
  it('is asked from the start, and what it has for services is never reached', async () => {
    expect(await system.ask('/api/stock/7')).toBe(200)
    expect(system.service.asked).toContain('/v1/stock/7')
    const before = system.service.asked.length
    for (const path of ['/internal/v1/index', '/api/stock/%2e%2e/%2e%2e/internal/v1/index']) {
      await system.ask(path)
    }
    // Nobody vouches for this one: the monolith is asked, and would refuse.
    await system.ask('/api/stock/7', null)
    expect(system.service.asked.length).toBe(before)
  })
})
