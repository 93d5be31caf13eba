import { describe, expect, it } from 'vitest'
import { type Bounds, bounds } from './bounds.ts'
import { explore } from './check.ts'
import { checkModel, checkMutant } from './index.ts'
import { INVARIANTS, type InvariantName, STATE_INVARIANTS } from './invariants.ts'
import { MUTANTS } from './mutants.ts'
import { ALL_RULES, RULES, without } from './rules.ts'
import { QUICK_SCENARIOS, SCENARIOS } from './scenarios.ts'
import {
  ENGINES,
  known,
  LAST_TOKEN,
  own,
  Pc,
  pcOf,
  SIDES,
  STATE_BYTES,
  type State,
  tokenOf,
} from './state.ts'
import { StateStore } from './store.ts'
import { groupsOf, type World } from './world.ts'

/** The mutants of the protocol's text; a rename here means that the text was changed too. */
const NAMED = [
  'no guard',
  'guard without lock',
  'open before drain',
  'reverse slot late',
  'untagged',
  'barrier before close',
  'barrier without identity',
  'recovery ignores Z',
  'recovery picks the source',
  'no token',
  'token at one side only',
  'position overwritten blindly',
  'late reads',
  'sequence margin',
  'no reconciling',
]

describe('the handover protocol, in every state the bounds allow', () => {
  it('breaks no invariant, and every mutant of it is found', () => {
    const lines: string[] = []
    const report = checkModel({ quick: true, print: (line) => lines.push(line) })
    expect(report.scenarios.map(({ violation }) => violation)).toEqual(
      QUICK_SCENARIOS.map(() => undefined),
    )
    expect(report).toMatchObject({ violations: 0, mutantsFound: MUTANTS.length })
    expect(report.states).toBeGreaterThan(100_000)
    expect(report.distinctStates).toBeGreaterThan(100_000)
    expect(Object.keys(report.bounds)).toEqual(QUICK_SCENARIOS.map(({ name }) => name))
    expect(lines.some((line) => line.includes('faults ≤ 2'))).toBe(true)
    expect(lines.some((line) => line.startsWith('    engine 1: close source'))).toBe(true)
  })

  it('spends every budget of the long run in the quick one', () => {
    const spent = (scenarios: typeof SCENARIOS): string[] =>
      (Object.keys(bounds({})) as (keyof Bounds)[]).filter((name) =>
        scenarios.some((scenario) => scenario.bounds[name] !== bounds({})[name]),
      )
    expect(spent(QUICK_SCENARIOS)).toEqual(spent(SCENARIOS))
    expect(spent(SCENARIOS)).toEqual(Object.keys(bounds({})))
  })

  it('takes every kind of step somewhere, so that what holds does not hold for want of it', () => {
    const kinds = new Set<string>()
    const small = bounds({ writes: 1, handovers: 1, aborts: 1, faults: 1, batches: 1 })
    const some: Bounds[] = [
      small,
      bounds({ writes: 2, handovers: 1, faults: 1, copy: true }),
      bounds({ writes: 1, handovers: 1, gateways: 2, leases: 1 }),
      bounds({ writes: 2, handovers: 2, clients: 2, transactions: true }),
    ]
    for (const each of some) {
      explore(
        { bounds: each, rules: ALL_RULES },
        { heard: (words) => kinds.add(words.replaceAll(/\d+/g, 'N')) },
      )
    }
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        'engine N crashes, its statement still on its way',
        'engine N loses the connection, its statement still on its way',
        'the other pauses; engine N takes over with token N',
        'engine N finds a higher token and stands by',
        'a statement whose connection died executes: close source for group N, epoch N',
        'a statement whose connection died executes: give source for group N, epoch N',
        'a statement whose connection died executes: open target for group N, epoch N',
        'a statement whose connection died executes: open source for group N, epoch N',
        'engine N gives the attempt up: a hold out of budget',
        'engine N gives the attempt up: the drain out of budget',
        'an applier of source → target holds a write of group N (row is now N) and pauses',
        'the paused applier writes the barrier of group N, epoch N',
        'the copier leaves out the evicted row of group N to target',
        'gateway N registers, holding all',
        'a client of gateway N passes the guard on target, group N',
        'a stray writer passes the guard on target, group N',
        'a client gives up, its transaction on source ends',
        'its write passes the guard on target, group N',
      ]),
    )
  })
})

describe('an idle engine with the highest token', () => {
  it('knows the ownership as it is: only tables are left to be mended', () => {
    const knows = (s: State, w: World): boolean =>
      ENGINES.every((engine) => {
        if (pcOf(s, engine) !== Pc.idle || tokenOf(s, engine) !== s[LAST_TOKEN]) return true
        return groupsOf(w).every((g) =>
          SIDES.every((side) => known(s, engine, side, g) === own(s, side, g)),
        )
      })
    const world = {
      bounds: bounds({ writes: 1, handovers: 2, aborts: 1, faults: 2 }),
      rules: ALL_RULES,
    }
    const found = explore(world, { invariants: { ...STATE_INVARIANTS, 'unique ids': knows } })
    expect(found.violation).toBeUndefined()
  })
})

describe('a protocol without one of its rules', () => {
  it('is every one that the text names, each rule taken out once', () => {
    expect(MUTANTS.slice(0, NAMED.length).map(({ name }) => name)).toEqual(NAMED)
    expect(MUTANTS.map((mutant) => mutant.without).toSorted()).toEqual([...RULES].toSorted())
    for (const rule of RULES) {
      const kept = RULES.filter((name) => without(rule)[name])
      expect(kept).toEqual(RULES.filter((name) => name !== rule))
    }
  })

  it.each(MUTANTS)('$name breaks "$invariant"', (mutant) => {
    const result = checkMutant(mutant)
    expect(result).toMatchObject({ found: true, invariant: mutant.invariant })
    expect(result.trace).toHaveLength(result.depth)
    expect(result.depth).toBeGreaterThan(0)
  })

  it.each(MUTANTS)('$name breaks nothing once its rule is back', ({ bounds: least }) => {
    expect(explore({ bounds: least, rules: ALL_RULES }).violation).toBeUndefined()
  })

  it('has every invariant broken by some mutant', () => {
    const broken = new Set(MUTANTS.map(({ invariant }) => invariant))
    expect(INVARIANTS.filter((name) => !broken.has(name))).toEqual([])
  })
})

describe('the checker itself', () => {
  const judged = INVARIANTS.filter((name) => name !== 'no wedge')

  it.each(judged)('misses the mutants of "%s" when that invariant never fires', (name) => {
    const blind = { ...STATE_INVARIANTS, [name]: () => true }
    for (const mutant of MUTANTS.filter(({ invariant }) => invariant === name)) {
      expect(checkMutant(mutant, blind).found).toBe(false)
    }
  })

  it('reports an invariant that fires where it should not', () => {
    const jumpy = { ...STATE_INVARIANTS, 'unique ids': () => false }
    const { violation } = explore({ bounds: bounds({}), rules: ALL_RULES }, { invariants: jumpy })
    expect(violation).toMatchObject({
      invariants: ['unique ids' satisfies InvariantName],
      depth: 0,
    })
  })

  it('refuses to go on beyond the states it was given', () => {
    const world = { bounds: bounds({ writes: 2, handovers: 1, faults: 1 }), rules: ALL_RULES }
    expect(() => explore(world, { maxStates: 100 })).toThrow('more than 100 states')
  })

  it('tells states apart by their bytes, not by their hash', () => {
    const store = new StateStore(STATE_BYTES)
    const numbers = new Map<string, number>()
    for (let n = 0; n < 4_000; n += 1) {
      const s = new Uint8Array(STATE_BYTES)
      s[n % STATE_BYTES] = n & 0xff
      s[(n * 7) % STATE_BYTES] = n >> 8
      const key = s.join()
      const { index, isNew } = store.add(s)
      expect(isNew).toBe(!numbers.has(key))
      if (!isNew) expect(index).toBe(numbers.get(key))
      numbers.set(key, index)
      expect(store.get(index)).toEqual(s)
    }
    expect(store.size).toBe(numbers.size)
  })
})
