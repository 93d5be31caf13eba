import { readsFrom } from './gateways.ts'
import {
  BATCH,
  BROKEN,
  CLIENT_WRITE,
  CLOSED,
  COPIED,
  ENGINES,
  gatewayAt,
  get,
  groupOf,
  HOLD_NOTHING,
  head,
  imageOf,
  isOpen,
  kindOf,
  LEASED,
  OPEN,
  other,
  own,
  Pc,
  payloadOf,
  pcOf,
  route,
  routeAt,
  SIDES,
  type Side,
  SOURCE,
  type State,
  stateOf,
  TARGET,
  token,
  tokenOf,
  WAL_CAPACITY,
  walAt,
} from './state.ts'
import {
  BATCH_EVENT,
  batchMoved,
  batchStream,
  complete,
  gatewaysOf,
  groupsOf,
  type World,
} from './world.ts'

export const INVARIANTS = [
  'one writer',
  'nothing lost',
  'owner complete',
  'no wedge',
  'no loop',
  'read your writes',
  'unique ids',
] as const
export type InvariantName = (typeof INVARIANTS)[number]

/** Bits of BROKEN: what a step did wrong that the state after it no longer shows. */
export const BrokenBit = {
  oneWriter: 1,
  ownerComplete: 2,
  noLoop: 4,
  readYourWrites: 8,
  uniqueIds: 16,
} as const

const unbroken = (s: State, bit: number): boolean => (get(s, BROKEN) & bit) === 0

/** Whether an invariant holds in a state; `no wedge` is judged over the whole graph instead. */
type StateInvariant = (s: State, w: World) => boolean
export type StateInvariants = Readonly<Record<Exclude<InvariantName, 'no wedge'>, StateInvariant>>

export const STATE_INVARIANTS: StateInvariants = {
  // Both rows open, or a write that committed on one side while the other was open.
  'one writer': (s, w) =>
    unbroken(s, BrokenBit.oneWriter) &&
    groupsOf(w).every((g) => !(isOpen(s, SOURCE, g) && isOpen(s, TARGET, g))),
  'nothing lost': (s, w) =>
    groupsOf(w).every((g) =>
      SIDES.every((side) => !isOpen(s, side, g) || (complete(s, side, g) && arrives(s, side, g))),
    ),
  'owner complete': (s) => unbroken(s, BrokenBit.ownerComplete),
  'no loop': (s) => unbroken(s, BrokenBit.noLoop),
  // Whoever is acknowledged a write may read at any gateway the moment after.
  'read your writes': (s, w) =>
    unbroken(s, BrokenBit.readYourWrites) &&
    gatewaysOf(w).every((gateway) =>
      groupsOf(w).every((g) => {
        const side = readsFrom(s, gateway, g)
        return side === undefined || complete(s, side, g)
      }),
    ),
  'unique ids': (s) => unbroken(s, BrokenBit.uniqueIds),
}

/** The row of an open side is on the other, or the stream still holds the event that brings it. */
function arrives(s: State, side: Side, group: number): boolean {
  if ((get(s, COPIED) & (1 << group)) === 0) return true
  let last = -1
  if (get(s, BATCH) !== 0 && batchStream(s) === side && !batchMoved(s)) {
    const held = get(s, BATCH_EVENT)
    if (kindOf(held) === CLIENT_WRITE && groupOf(held) === group) last = payloadOf(held)
  }
  const start = walAt(side)
  for (let i = start; i < start + WAL_CAPACITY && get(s, i) !== 0; i += 1) {
    const e = get(s, i)
    if (kindOf(e) === CLIENT_WRITE && groupOf(e) === group) last = payloadOf(e)
  }
  const brought = last === -1 ? imageOf(s, other(side), group) : last
  return brought === imageOf(s, side, group)
}

/**
 * Where a system at rest has to come to: every group open on one side and closed on the other,
 * every gateway serving it there, the copy done, the streams read to their ends, an engine idle.
 */
export function atRest(s: State, w: World): boolean {
  const idle = ENGINES.some(
    (e) =>
      pcOf(s, e) === Pc.idle &&
      tokenOf(s, e) >= token(s, SOURCE) &&
      tokenOf(s, e) >= token(s, TARGET),
  )
  if (!idle || head(s, SOURCE) !== 0 || head(s, TARGET) !== 0) return false
  return groupsOf(w).every((group) => {
    const owner = SIDES.find((side) => stateOf(own(s, side, group)) === OPEN)
    if (owner === undefined || stateOf(own(s, other(owner), group)) !== CLOSED) return false
    if ((get(s, COPIED) & (1 << group)) === 0) return false
    const routed = route(owner, HOLD_NOTHING)
    return gatewaysOf(w).every(
      (g) => get(s, gatewayAt(g)) === LEASED && get(s, routeAt(g, group)) === routed,
    )
  })
}
export const violated = (s: State, w: World, invariants: StateInvariants): InvariantName[] =>
  (Object.keys(invariants) as (keyof StateInvariants)[]).filter((name) => !invariants[name](s, w))
