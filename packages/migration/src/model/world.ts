import type { Bounds } from './bounds.ts'
import type { Rules } from './rules.ts'
import {
  ACKED,
  BATCH,
  CHUNK,
  CLOSED,
  COPIED,
  ENGINE_TOKEN,
  ENGINES,
  engineAt,
  GATEWAY_TOKEN,
  gatewayAt,
  get,
  HOLD_NOTHING,
  imageOf,
  knownAt,
  LAST_TOKEN,
  OPEN,
  ORPHAN,
  OWN,
  other,
  own,
  Pc,
  pcOf,
  ROW,
  route,
  routeAt,
  row,
  SEQUENCE,
  SIDES,
  type Side,
  SLOTS,
  SOURCE,
  STATE_BYTES,
  type State,
  TARGET,
  TOKEN,
  token,
  tokenOf,
} from './state.ts'

/** One protocol (rules) under one set of budgets (bounds). */
export interface World {
  bounds: Bounds
  rules: Rules
}

/**
 * Called with each state one step away. `progress` marks the steps that happen when faults stop
 * and no client asks for anything: those of engines, appliers and gateways, and transactions
 * that end. The words are made only when a trace is told.
 */
export type Emit = (next: State, progress: boolean, words: () => string) => void

export const sideName = (side: Side): string => (side === SOURCE ? 'source' : 'target')
export const engineName = (engine: number): string => `engine ${engine + 1}`
export const groupsOf = (w: World): number[] => (w.bounds.groups === 1 ? [0] : [0, 1])
export const gatewaysOf = (w: World): number[] => [0, 1].slice(0, w.bounds.gateways)

/** The source owns everything, engine 1 idles with token 1, engine 2 has not started. */
export function initial(w: World): State {
  const s = new Uint8Array(STATE_BYTES)
  s[TOKEN + SOURCE] = 1
  s[TOKEN + TARGET] = 1
  s[LAST_TOKEN] = 1
  s[SLOTS] = 1 << SOURCE
  s[engineAt(0)] = Pc.idle
  s[engineAt(0) + ENGINE_TOKEN] = 1
  for (const group of groupsOf(w)) {
    s[OWN + group] = row(OPEN, 1)
    s[OWN + 2 + group] = row(CLOSED, 0)
    for (const side of SIDES) s[knownAt(0, side, group)] = own(s, side, group)
    if (w.bounds.copy) {
      // A row from before the slot: the stream alone would never bring it.
      s[ACKED + group] = 1 << group
      s[ROW + group] = 1 << group
    } else {
      s[COPIED] = get(s, COPIED) | (1 << group)
    }
  }
  for (const gateway of gatewaysOf(w)) {
    s[gatewayAt(gateway) + GATEWAY_TOKEN] = 1
    for (const group of groupsOf(w)) s[routeAt(gateway, group)] = route(SOURCE, HOLD_NOTHING)
  }
  if (w.bounds.sequences) s[SEQUENCE + TARGET] = w.rules.disjointSequences ? 1 : 0
  return s
}

/** An engine that has raised its token, so that its appliers and copiers may write to `side`. */
export function applierOf(s: State, side: Side): number | undefined {
  return ENGINES.find((e) => {
    const pc = pcOf(s, e)
    return pc !== Pc.down && pc !== Pc.raise && tokenOf(s, e) >= token(s, side)
  })
}

export const BATCH_EVENT = BATCH + 1
export const BATCH_WHERE = BATCH + 2
export const batchStream = (s: State): Side => (get(s, BATCH_WHERE) & 1) as Side
export const batchMoved = (s: State): boolean => (get(s, BATCH_WHERE) & 2) !== 0
export const CHUNK_WHERE = CHUNK + 1
export const EVICTED = 4
export const chunkGroup = (s: State): number => get(s, CHUNK_WHERE) & 1
export const chunkFrom = (s: State): Side => ((get(s, CHUNK_WHERE) >> 1) & 1) as Side
export const CHUNK_IMAGE = CHUNK + 2

/**
 * Forgets what can no longer have an effect: a statement of a token that was overtaken, a batch
 * or chunk whose compare-and-set must fail. Without this, states that cannot differ in anything
 * that follows would count apart.
 */
export function settleDead(s: State, w: World): State {
  const orphan = get(s, ORPHAN)
  if (orphan !== 0) {
    const where = get(s, ORPHAN + 1)
    const side = (where & 1) as Side
    const now = own(s, side, (where >> 1) & 1)
    const overtaken = w.rules.token && orphan < token(s, side)
    if (overtaken || now >> 2 > get(s, ORPHAN + 2) >> 2) s.fill(0, ORPHAN, ORPHAN + 4)
  }
  const batch = get(s, BATCH)
  if (batch !== 0 && w.rules.positionCompared) {
    if (batchMoved(s) || batch < token(s, other(batchStream(s)))) s.fill(0, BATCH, BATCH + 3)
  }
  const chunk = get(s, CHUNK)
  if (chunk !== 0 && w.rules.positionCompared && chunk < token(s, other(chunkFrom(s)))) {
    s.fill(0, CHUNK, CHUNK + 3)
  }
  return s
}

export const complete = (s: State, side: Side, group: number): boolean =>
  (get(s, ACKED + group) & ~imageOf(s, side, group)) === 0
