import { bounds } from '../model/bounds.ts'
import { successors } from '../model/protocol.ts'
import { ALL_RULES, type Rules } from '../model/rules.ts'
import {
  BUDGETS_END,
  CLOSED,
  CLOSING,
  clearEngine,
  ENGINE_BYTES,
  ENGINES,
  engineAt,
  GIVEN,
  HANDOVERS,
  LAST_TOKEN,
  OPEN,
  OWN,
  row,
  SOURCE,
  STATE_BYTES,
  type State,
  seenAt,
  TARGET,
  TOKEN,
  token,
  tokenOf,
} from '../model/state.ts'
import { StateStore } from '../model/store.ts'
import { initial, type World } from '../model/world.ts'
import type { BucketState, Ownership } from '../sides.ts'
import { type History, type HistoryStep, historiesOf, stepWords, type Trace } from './trace.ts'

/** Where a run did what the model cannot do. */
export interface Deviation {
  readonly bucket: number
  /** Steps that the model could follow. */
  readonly followed: number
  readonly step: string
  /** What the model could have done instead, in words. */
  readonly allowed: readonly string[]
  /** The last steps before it. */
  readonly before: readonly string[]
}

export interface Replayed {
  readonly events: number
  readonly histories: number
  /** Model states that were looked at. */
  readonly states: number
  readonly deviations: readonly Deviation[]
}

/**
 * What is replayed is the protocol between the databases and their engines: ownership, tokens and
 * barriers. Gateways, rows and clients are left out; the checker of histories judges what they did.
 */
export const WORLD: World = {
  bounds: bounds({ handovers: 1, aborts: 1, faults: 1 }),
  rules: ALL_RULES,
}
/** An epoch has six bits in the model. */
const MOST_EPOCHS = 63
const STATES: Record<BucketState, number> = {
  closed: CLOSED,
  open: OPEN,
  closing: CLOSING,
  given: GIVEN,
}

/**
 * Looks for a way through the model that does to the databases exactly what the run did, in the same
 * order; whatever the databases do not show (crashes, reads, decisions) may happen in between.
 *
 * The idea is that of Cirstea, Kuppe, Loillier and Merz, "Validating Traces of Distributed Programs
 * Against TLA+ Specifications" (SEFM 2024): the record constrains the specification's steps, and every
 * state that agrees with it so far is kept.
 *
 * @param rules the protocol's; others to see that a replay would find a protocol without one of them.
 */
export function replay(trace: Trace, rules: Rules = ALL_RULES): Replayed {
  const deviations: Deviation[] = []
  let states = 0
  const histories = historiesOf(trace)
  for (const history of histories) {
    const result = replayHistory(history, trace.token, { ...WORLD, rules })
    states += result.states
    if (result.deviation) deviations.push(result.deviation)
  }
  return { events: trace.events.length, histories: histories.length, states, deviations }
}

function replayHistory(history: History, token: number, w: World) {
  const visible = visibleStates(history.steps, token, w)
  let belief = [initial(w)]
  let states = 0
  for (const [i, step] of history.steps.entries()) {
    const reached = follow(belief, visible[i]!, visible[i + 1]!, w)
    states += reached.here.size
    if (reached.next.length === 0) {
      const words = history.steps.slice(Math.max(0, i - 6), i).map(stepWords)
      const deviation: Deviation = {
        bucket: history.bucket,
        followed: i,
        step: stepWords(step),
        allowed: alternatives(reached.here, visible[i]!, w),
        before: words,
      }
      return { states, deviation }
    }
    belief = reached.next
  }
  return { states, deviation: null }
}

/** The bytes of a state that the databases show, and the tokens given out. */
interface Visible {
  readonly bytes: readonly number[]
  readonly lastToken: number
}

const SHOWN = [
  OWN + 2 * SOURCE,
  OWN + 2 * TARGET,
  TOKEN + SOURCE,
  TOKEN + TARGET,
  seenAt(SOURCE, 0),
  seenAt(TARGET, 0),
]

/** What the databases showed before the first step and after each. Epochs and tokens count up from the model's. */
function visibleStates(steps: readonly HistoryStep[], token: number, w: World): Visible[] {
  const tokens = ranks([
    token,
    ...steps.flatMap((step) => (step.kind === 'token' ? [step.token] : [])),
  ])
  const epochs = ranks([0, 1, ...steps.flatMap(epochsOf)])
  if (epochs.size > MOST_EPOCHS) {
    throw new Error(`a history of ${epochs.size} epochs; the model holds ${MOST_EPOCHS}`)
  }
  const first = initial(w)
  const now = SHOWN.map((at) => first[at]!)
  let lastToken = 1
  const visible: Visible[] = [{ bytes: [...now], lastToken }]
  for (const step of steps) {
    const side = step.side === 'source' ? SOURCE : TARGET
    if (step.kind === 'flip') now[side] = ownershipOf(step.to, epochs)
    else if (step.kind === 'barrier') now[4 + side] = epochs.get(step.epoch)!
    else {
      now[2 + side] = tokens.get(step.token)! + 1
      lastToken = Math.max(lastToken, now[2 + side]!)
    }
    visible.push({ bytes: [...now], lastToken })
  }
  return visible
}

function epochsOf(step: HistoryStep): number[] {
  if (step.kind === 'flip') return [step.from.epoch, step.to.epoch]
  return step.kind === 'barrier' ? [step.epoch] : []
}

/** Each value's place among the others, from 0. */
function ranks(values: readonly number[]): Map<number, number> {
  const sorted = [...new Set(values)].sort((a, b) => a - b)
  return new Map(sorted.map((value, i) => [value, i]))
}

const ownershipOf = ({ state, epoch }: Ownership, epochs: ReadonlyMap<number, number>): number =>
  row(STATES[state], epochs.get(epoch)!)

/** Takes every step that shows nothing, then those that show exactly `to`. */
function follow(belief: readonly State[], from: Visible, to: Visible, w: World) {
  const here = new StateStore(STATE_BYTES)
  const there = new StateStore(STATE_BYTES)
  const next: State[] = []
  for (const state of belief) here.add(state)
  for (let i = 0; i < here.size; i++) {
    successors(here.get(i), w, (state) => {
      canonical(state)
      if (state[LAST_TOKEN]! > to.lastToken + 1) return
      if (shows(state, from)) here.add(state)
      else if (shows(state, to) && there.add(state).isNew) next.push(state)
    })
  }
  return { next, here }
}

/** What would have shown something else, in words. */
function alternatives(here: StateStore, from: Visible, w: World): string[] {
  const said = new Set<string>()
  for (let i = 0; i < here.size; i++) {
    successors(here.get(i), w, (state, _progress, words) => {
      if (!shows(state, from)) said.add(words())
    })
  }
  return [...said]
}

function shows(state: State, visible: Visible): boolean {
  return SHOWN.every((at, i) => state[at] === visible.bytes[i])
}

/**
 * Leaves out what makes no difference to what can be shown: how much of a budget was used, what an
 * engine still intends whose token was overtaken on both sides, and which of the two engines is which.
 */
export function canonical(state: State): State {
  state.fill(0, HANDOVERS, BUDGETS_END)
  const overtaken = Math.min(token(state, SOURCE), token(state, TARGET))
  for (const engine of ENGINES) if (tokenOf(state, engine) < overtaken) clearEngine(state, engine)
  const [first, second] = ENGINES.map((engine) =>
    state.slice(engineAt(engine), engineAt(engine) + ENGINE_BYTES),
  )
  if (Buffer.compare(first!, second!) < 0) {
    state.set(second!, engineAt(0))
    state.set(first!, engineAt(1))
  }
  return state
}
