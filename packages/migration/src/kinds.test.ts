import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from './doctor/index.ts'
import type { IndexStanding } from './index-client.ts'
import type { ExtractionPlan } from './plan.ts'
import type { Phase } from './status.ts'
import { type RunningApp, startApp } from './testing/http-app.ts'
import { StatelessSystem } from './testing/stateless-system.ts'

let system: StatelessSystem
let folder: string
/** Somebody else's server, asked and told of "later"; what it heard, by path. */
let hooks: RunningApp
const heard: { path: string; id: string; text: string }[] = []
/** What it answers next; then 204. */
const hookAnswers: Record<string, { status: number; body?: unknown }[]> = {}
/** Holds what the gate `reports` of "fails" reads. */
let reports: string
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

/** Open on a day of the week that is neither today, yesterday nor tomorrow. */
function neverNow() {
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
  const day = days[(new Date().getUTCDay() + 3) % 7]!
  return { timeZone: 'UTC', days: [day], from: '00:00', to: '24:00' }
}

const at = (path: string) => [{ methods: [], path }]

beforeAll(async () => {
  hooks = await startApp(async ({ path, headers, body }) => {
    heard.push({ path, id: String(headers['banyan-id']), text: String(body.text ?? body.step) })
    return hookAnswers[path]?.shift() ?? { status: 204 }
  })
  folder = await mkdtemp(join(tmpdir(), 'banyan-kinds-'))
  reports = join(folder, 'reports')
  await writeFile(reports, '9')
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
        metrics: [
          {
            ...{ name: 'reports', command: { run: ['cat', reports] } },
            ...{ require: { atMost: 5 }, everySeconds: 1 },
          },
        ],
      },
      {
        kind: 'routes',
        name: 'later',
        service: { url },
        routes: at('/api/later/*'),
        ...conditions,
        shadow: { percent: 0 },
        schedule: neverNow(),
        webhooks: {
          before: [{ name: 'asks', url: `${hooks.url}/before` }],
          after: [{ name: 'hears', url: `${hooks.url}/after` }],
        },
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
    [{ name: 'ops', url: `${hooks.url}/notify`, extractions: ['later'] }],
  )
  system.service.internal = (method, { run }) => {
    if (method === 'POST') {
      begun.push(String(run))
      standing = onBegin(String(run))
    }
    return { status: method === 'POST' ? 202 : 200, body: standing }
  }
}, 60_000)
afterAll(async () => {
  await system.stop()
  await hooks.close()
  await rm(folder, { recursive: true })
})

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

  const path = '/api/fails/one'
  const taken = (now: { phase: Phase; percent: number }) =>
    now.phase === 'rolled back' && now.percent === 0
  const fail = () =>
    system.service.answerWith((asked) => (asked.startsWith('/api/fails') ? { status: 500 } : null))

  it('do not move while a command of the plan says no', async () => {
    await system.control.act('fails', 'start', { by: 'test' })
    const refused = 'reports: 9 is not at most 5'
    const { status } = await system.until(
      'fails',
      ({ waitsFor }) => waitsFor.includes(refused),
      path,
    )
    expect(status).toMatchObject({ phase: 'shadowing', percent: 0 })
    await writeFile(reports, '1')
    await system.until('fails', waitsForPromote, path)
  }, 60_000)

  it('are taken back by the gates when the service begins to fail, and stay back', async () => {
    fail()
    await system.until('fails', taken, path)
    expect(await ledger('fails')).toContain('decision rollback')
    expect(await system.everyoneAsks(path)).toEqual([])
    system.service.answerWith(null)
  }, 60_000)

  it('are taken back while they are paused as well', async () => {
    await system.control.act('fails', 'promote', { by: 'test', percent: 50 })
    // What is rolled back waits for a promote as well: half of them must have moved.
    await system.until('fails', (now) => now.percent === 50 && waitsForPromote(now), path)
    await system.control.act('fails', 'pause', { by: 'test' })
    fail()
    await system.until('fails', taken, path)
    const { entries } = await system.control.ledger('fails')
    const decisions = entries.filter(({ kind }) => kind === 'decision')
    expect(decisions.at(-1)).toMatchObject({ what: 'rollback', detail: { whilePaused: true } })
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

describe('a step', () => {
  const path = '/api/later/one'
  const act = (action: 'start' | 'promote' | 'resume' | 'rollback' | 'cancel', more: object = {}) =>
    system.control.act('later', action, { by: 'test', ...more })

  it('waits for the schedule, unless somebody says that it shall not', async () => {
    await act('start')
    const closed = ({ waitsFor }: { waitsFor: readonly string[] }) =>
      waitsFor.some((one) => one.startsWith('the schedule, which opens'))
    const { status } = await system.until('later', closed, path)
    expect(status).toMatchObject({ phase: 'shadowing', percent: 0 })
    await expect(act('promote')).rejects.toMatchObject({ problem: { code: 'OUTSIDE_SCHEDULE' } })
  }, 60_000)

  it('waits for the webhooks before it, and one that refuses pauses it with its reason', async () => {
    hookAnswers['/before'] = [{ status: 409, body: { reason: 'a release is under way' } }]
    await act('promote', { despiteSchedule: true })
    await system.until('later', ({ paused }) => paused, path)
    const why = 'before canary 50 %, the webhook "asks" refuses: a release is under way'
    expect(await system.control.why('later')).toMatchObject({ pausedWhy: why })
    const { entries } = await system.control.ledger('later')
    expect(entries.find(({ what }) => what === 'promote')?.detail).toMatchObject({
      despiteSchedule: true,
    })
    expect(entries.at(-1)).toMatchObject({ what: 'paused', detail: { why, webhook: 'asks' } })
    await act('resume')
    const { status } = await system.until('later', waitsForPromote, path)
    expect(status.percent).toBe(50)
    const asked = heard.filter((one) => one.path === '/before')
    expect(asked.map(({ text }) => text)).toEqual(['canary 50 %', 'canary 50 %'])
  }, 60_000)

  it('is told of afterwards, until it is taken; its way back waits for nobody', async () => {
    hookAnswers['/notify'] = [{ status: 500 }]
    await act('rollback')
    await system.until('later', phase('rolled back'), path)
    await act('cancel')
    await system.until('later', phase('cancelled'), path)
    const told = (to: string) => heard.filter((one) => one.path === to).map(({ text }) => text)
    const all = ['later: rolled back', 'later: cancelled']
    await expect.poll(() => told('/notify').slice(-2), { timeout: 30_000 }).toEqual(all)
    const steps = ['later: canary 50 % is done', 'later: rolled back']
    await expect.poll(() => told('/after'), { timeout: 30_000 }).toEqual(steps)
    expect([...new Set(told('/notify'))]).toEqual([
      'later: paused, and waits for a person (before canary 50 %, the webhook "asks" refuses: a release is under way)',
      'later: waits for a person: banyan promote later',
      'later: rolling back, decided by test',
      ...all,
    ])
    const ids = heard.filter((one) => one.path === '/notify').map(({ id }) => id)
    expect(ids).toHaveLength(new Set(ids).size + 1)
    expect(heard.filter((one) => one.path === '/before')).toHaveLength(2)
  }, 60_000)
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
    const asked = async () => {
      expect(await system.ask('/api/stock/7')).toBe(200)
      return system.service.asked
    }
    // From when the gateway has the engine's first table on.
    await expect.poll(asked, { timeout: 10_000 }).toContain('/v1/stock/7')
    const before = system.service.asked.length
    for (const path of ['/internal/v1/index', '/api/stock/%2e%2e/%2e%2e/internal/v1/index']) {
      await system.ask(path)
    }
    // Nobody vouches for this one: the monolith is asked, and would refuse.
    await system.ask('/api/stock/7', null)
    expect(system.service.asked.length).toBe(before)
  })
})
