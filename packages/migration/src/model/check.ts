import {
  atRest,
  type InvariantName,
  STATE_INVARIANTS,
  type StateInvariants,
  violated,
} from './invariants.ts'
import { successors } from './protocol.ts'
import { BUDGETS_END, HANDOVERS, STATE_BYTES, type State } from './state.ts'
import { Ints, StateStore } from './store.ts'
import { initial, type World } from './world.ts'

export interface Violation {
  /** Every invariant broken at this depth, the one found first in front. */
  invariants: InvariantName[]
  /** Steps from the beginning; no shorter way breaks anything. */
  depth: number
  /** The steps, in words. */
  trace: string[]
}

export interface Exploration {
  states: number
  /** States that differ in more than what was used of the budgets. */
  distinct: number
  /** Steps along which faults and clients have no part. */
  progressSteps: number
  /** The longest of the shortest ways to a state. */
  depth: number
  violation: Violation | undefined
}

export interface ExploreOptions {
  /** Stands in for the invariants, to test the checker itself. */
  invariants?: StateInvariants
  /** Throws beyond this many states: a bound that was meant to be small is not. */
  maxStates?: number
  /** The trace leads to this one, where several break after as many steps. */
  expected?: InvariantName
  /** Called with the words of every step taken. Slow: for small bounds. */
  heard?: (words: string) => void
}

interface Graph {
  store: StateStore
  parents: Ints
  from: Ints
  to: Ints
}

/**
 * Breadth first through every state that the bounds allow. Stops at the end of the level on which
 * an invariant broke, so that the trace is a shortest one; otherwise judges `no wedge` over the
 * whole graph. Throws when there are more than `maxStates` (5 million by default).
 */
export function explore(w: World, options: ExploreOptions = {}): Exploration {
  const invariants = options.invariants ?? STATE_INVARIANTS
  const maxStates = options.maxStates ?? 5_000_000
  const store = new StateStore(STATE_BYTES)
  const graph: Graph = { store, parents: new Ints(), from: new Ints(), to: new Ints() }
  const broken = new Map<InvariantName, number>()

  const meet = (s: State, parent: number): number => {
    const { index, isNew } = store.add(s)
    if (!isNew) return index
    if (index >= maxStates) throw new Error(`the model has more than ${maxStates} states`)
    graph.parents.push(parent)
    for (const name of violated(s, w, invariants)) {
      if (!broken.has(name)) broken.set(name, index)
    }
    return index
  }

  meet(initial(w), -1)
  let depth = 0
  let levelEnd = 1
  for (let index = 0; index < store.size; index += 1) {
    if (index === levelEnd) {
      if (broken.size > 0) break
      depth += 1
      levelEnd = store.size
    }
    successors(store.get(index), w, (next, progress, words) => {
      options.heard?.(words())
      const reached = meet(next, index)
      if (!progress || reached === index) return
      graph.from.push(index)
      graph.to.push(reached)
    })
  }
  if (broken.size === 0) {
    const wedged = firstWedged(graph, w)
    if (wedged !== -1) broken.set('no wedge', wedged)
  }
  const distinct = countDistinct(store)
  const result = { states: store.size, distinct, progressSteps: graph.from.length, depth }
  const [first] = broken.values()
  if (first === undefined) return { ...result, violation: undefined }
  const shown = options.expected === undefined ? first : (broken.get(options.expected) ?? first)
  const trace = tell(graph, w, shown)
  return { ...result, violation: { invariants: [...broken.keys()], depth: trace.length, trace } }
}

function countDistinct(store: StateStore): number {
  const apart = new StateStore(STATE_BYTES)
  for (let index = 0; index < store.size; index += 1) {
    apart.add(store.get(index).fill(0, HANDOVERS, BUDGETS_END))
  }
  return apart.size
}

/**
 * The first state from which no way of progress steps alone leads to rest, by walking those steps
 * backwards from every state at rest. Exact for the explored graph: it leaves nothing out.
 */
function firstWedged({ store, from, to }: Graph, w: World): number {
  const starts = new Int32Array(store.size + 1)
  for (let i = 0; i < to.length; i += 1) starts[to.at(i) + 1]! += 1
  for (let i = 0; i < store.size; i += 1) starts[i + 1]! += starts[i]!
  const fill = starts.slice()
  const sources = new Int32Array(to.length)
  for (let i = 0; i < to.length; i += 1) {
    const target = to.at(i)
    sources[fill[target]!] = from.at(i)
    fill[target]! += 1
  }
  const comesToRest = new Uint8Array(store.size)
  const queue = new Ints()
  for (let i = 0; i < store.size; i += 1) {
    if (!atRest(store.get(i), w)) continue
    comesToRest[i] = 1
    queue.push(i)
  }
  for (let at = 0; at < queue.length; at += 1) {
    const index = queue.at(at)
    for (let i = starts[index]!; i < starts[index + 1]!; i += 1) {
      const source = sources[i]!
      if (comesToRest[source] === 1) continue
      comesToRest[source] = 1
      queue.push(source)
    }
  }
  return comesToRest.indexOf(0)
}

/** The way to a state in words: each step is taken again, since the words were not kept. */
function tell({ store, parents }: Graph, w: World, end: number): string[] {
  const trace: string[] = []
  for (let index = end; parents.at(index) !== -1; index = parents.at(index)) {
    let said: string | undefined
    successors(store.get(parents.at(index)), w, (next, _progress, words) => {
      if (said === undefined && store.add(next).index === index) said = words()
    })
    trace.push(said ?? 'a step that cannot be taken again')
  }
  return trace.reverse()
}
