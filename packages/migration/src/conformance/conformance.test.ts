import { BucketSet } from '@banyan/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { without } from '../model/rules.ts'
import { startForumLoad } from '../testing/forum-load.ts'
import { ForumSystem } from '../testing/forum-system.ts'
import { Recorder } from './recorder.ts'
import { replay } from './replay.ts'
import { historiesOf, type Trace, type TraceEvent } from './trace.ts'
import { walk } from './walk.ts'

let forum: ForumSystem
let trace: Trace

/** Moves the forum there, lets its engine be replaced in the middle, and moves it back. */
beforeAll(async () => {
  // Engine, gateway and load share a process here: where it stands still in the middle of a comparison, an
  // answer may differ. The shadow is judged elsewhere; here it must not end the history that is recorded.
  const gates = { minimumRequests: 10, latencyRatio: 1000, shadowDifference: 0.2 }
  forum = await ForumSystem.start({ gates })
  const engine = await forum.startEngine()
  const gateway = await forum.startGateway('one', [engine.url])
  const load = startForumLoad(`http://127.0.0.1:${gateway.publicPort}`, forum.users)
  await forum.act('start')
  const { source, target } = forum
  const recorder = await Recorder.start(
    [{ extraction: 'posts', source, target }],
    AbortSignal.timeout(60_000),
  )
  await forum.awaitPhase('canary')
  await forum.stopEngine(engine)
  await forum.startEngine()
  await forum.awaitPhase('soaking')
  await forum.act('rollback')
  await forum.awaitPhase('rolled back')
  await load.stop()
  trace = (await recorder.read()).get('posts')!
}, 120_000)

afterAll(() => forum.stop())

/** The same trace with the events of a kind changed, or left out. */
function edited(edit: (event: TraceEvent, index: number) => TraceEvent | null): Trace {
  return { ...trace, events: trace.events.flatMap((event, i) => edit(event, i) ?? []) }
}

const isFlipTo = (event: TraceEvent, state: string) =>
  event.kind === 'flip' && event.to.state === state

describe('what an engine did to the databases', () => {
  it('is what the model of the protocol can do, for every bucket', () => {
    const { events, histories, deviations } = replay(trace)
    expect(deviations).toEqual([])
    // 10 %, the rest, and all of it back: each closed, drained, given, opened and settled.
    expect(events).toBeGreaterThanOrEqual(15)
    expect(histories).toBe(2)
    const tokens = trace.events.filter((event) => event.kind === 'token')
    expect(tokens.length).toBeGreaterThanOrEqual(2)
  })

  it('is the same for buckets that moved together', () => {
    const histories = historiesOf(trace)
    expect(histories.reduce((sum, one) => sum + one.buckets, 0)).toBe(1024)
    for (const { bucket, steps } of histories) {
      const own = trace.events.filter((e) => e.kind === 'token' || e.buckets.has(bucket))
      expect(steps.map((step) => step.kind)).toEqual(own.map((event) => event.kind))
    }
  })
})

describe('a run that does otherwise is found out', () => {
  it.each<[string, (event: TraceEvent, index: number) => TraceEvent | null]>([
    ['opens before the barrier was applied', (e) => (e.kind === 'barrier' ? null : e)],
    ['opens what was never given', (e) => (isFlipTo(e, 'given') ? null : e)],
    ['closes without a barrier of its own', (e) => (isFlipTo(e, 'closing') ? null : e)],
    [
      'takes the token on one side only',
      (e) => (e.kind === 'token' && e.side === 'target' ? null : e),
    ],
    [
      'opens under the epoch it closed with',
      (e) => (e.kind === 'flip' && isFlipTo(e, 'open') ? under(e, e.to.epoch - 1) : e),
    ],
    [
      'opens more buckets than it closed',
      (e) => (e.kind === 'flip' && isFlipTo(e, 'open') ? { ...e, buckets: BucketSet.all } : e),
    ],
  ])('one that %s', (_, edit) => {
    const { deviations } = replay(edited(edit))
    expect(deviations.length).toBeGreaterThan(0)
    expect(deviations[0]!.step).not.toBe('')
  })

  it('is none in a protocol without the rule it breaks', () => {
    const undrained = edited((e) => (e.kind === 'barrier' ? null : e))
    expect(replay(undrained).deviations).not.toEqual([])
    expect(replay(undrained, without('drain')).deviations).toEqual([])
  })
})

describe('whatever the model does', () => {
  it('is no deviation: crashes, lost replies and takeovers at any step', () => {
    const choices = fc.array(fc.nat(), { minLength: 60, maxLength: 150 })
    fc.assert(
      fc.property(choices, (picks) => {
        expect(replay(walk(picks)).deviations).toEqual([])
      }),
      { numRuns: 40 },
    )
  })
})

function under(event: TraceEvent & { kind: 'flip' }, epoch: number): TraceEvent {
  return { ...event, to: { ...event.to, epoch } }
}
