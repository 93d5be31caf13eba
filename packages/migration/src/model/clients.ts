import { BrokenBit } from './invariants.ts'
import {
  ACKED,
  append,
  BROKEN,
  CLIENT,
  CLIENT_WRITE,
  event,
  gatewayAt,
  get,
  HOLD_NOTHING,
  IDS,
  imageOf,
  isOpen,
  LEASE_OVER,
  other,
  routeAt,
  routeHold,
  routeSide,
  rowAt,
  SEQUENCE,
  SIDES,
  type Side,
  type State,
} from './state.ts'
import {
  BEGUN,
  CLIENTS,
  client,
  clientGroup,
  clientSide,
  OLD,
  PASSED,
  phaseOf,
  sortClients,
} from './stripe.ts'
import { type Emit, gatewaysOf, groupsOf, sideName, type World } from './world.ts'

const bits = (mask: number): number => {
  let n = 0
  for (let m = mask; m !== 0; m &= m - 1) n += 1
  return n
}
const committed = (s: State): number => bits(get(s, ACKED)) + bits(get(s, ACKED + 1))

function writer(s: State, w: World, side: Side, group: number): string {
  const via = gatewaysOf(w).find((g) => {
    const routed = get(s, routeAt(g, group))
    const serves = get(s, gatewayAt(g)) !== LEASE_OVER && routeHold(routed) === HOLD_NOTHING
    return serves && routeSide(routed) === side
  })
  return via === undefined ? 'a stray writer' : `a client of gateway ${via + 1}`
}

/**
 * The guard: the shared stripe (taken here, held to the commit), then the ownership row. That a side which
 * owns everything is known by one look under one lock (decision 032) makes no other step possible.
 */
const guardPasses = (s: State, w: World, side: Side, group: number): boolean =>
  !w.rules.guard || isOpen(s, side, group)

/**
 * Every write may arrive at either side at any time: from a gateway, from one that is stale, or
 * from nowhere we know. One that the guard refuses changes nothing and is no step.
 */
export function clientSteps(s: State, w: World, emit: Emit): void {
  const free = CLIENTS.slice(0, w.bounds.clients).find((at) => get(s, CLIENT + at) === 0)
  const open = CLIENTS.filter((at) => get(s, CLIENT + at) !== 0).length
  if (free !== undefined && committed(s) + open < w.bounds.writes) {
    for (const group of groupsOf(w)) for (const side of SIDES) begin(s, w, emit, free, side, group)
  }
  for (const at of CLIENTS) {
    const c = get(s, CLIENT + at)
    if (c === 0) continue
    if (phaseOf(c) === BEGUN) guardStep(s, w, emit, at)
    else commit(s, w, emit, at)
    const next = s.slice()
    next[CLIENT + at] = 0
    sortClients(next)
    emit(next, true, () => `a client gives up, its transaction on ${sideName(clientSide(c))} ends`)
  }
}

function begin(s: State, w: World, emit: Emit, at: number, side: Side, group: number): void {
  if (!guardPasses(s, w, side, group)) return
  const next = s.slice()
  next[CLIENT + at] = client(w.bounds.transactions ? BEGUN : PASSED, side, group)
  sortClients(next)
  const what = w.bounds.transactions ? 'begins and reads' : 'passes the guard'
  emit(next, false, () => `${writer(s, w, side, group)} ${what} on ${where(side, group)}`)
}

function guardStep(s: State, w: World, emit: Emit, at: number): void {
  const c = get(s, CLIENT + at)
  if (!guardPasses(s, w, clientSide(c), clientGroup(c))) return
  const next = s.slice()
  next[CLIENT + at] = c + PASSED - BEGUN
  sortClients(next)
  emit(next, false, () => `its write passes the guard on ${where(clientSide(c), clientGroup(c))}`)
}

function commit(s: State, w: World, emit: Emit, at: number): void {
  const c = get(s, CLIENT + at)
  const side = clientSide(c)
  const group = clientGroup(c)
  const number = committed(s)
  const next = s.slice()
  next[CLIENT + at] = 0
  next[rowAt(side, group)] = imageOf(s, side, group) | (1 << number)
  next[ACKED + group] = get(s, ACKED + group) | (1 << number)
  if (isOpen(s, other(side), group)) next[BROKEN] = get(next, BROKEN) | BrokenBit.oneWriter
  if ((c & OLD) !== 0) next[BROKEN] = get(next, BROKEN) | BrokenBit.readYourWrites
  for (const place of CLIENTS) {
    const reader = get(next, CLIENT + place)
    if (reader === client(BEGUN, other(side), group)) next[CLIENT + place] = reader | OLD
  }
  sortClients(next)
  if (w.bounds.sequences) drawId(next, w, side)
  const image = event(CLIENT_WRITE, group, imageOf(next, side, group))
  if (!w.rules.onlyCounterpartDropped) {
    // The row came from another subscription: it carries an origin, and the stream drops it.
    emit(
      next.slice(),
      true,
      () => `another subscription commits write ${number + 1} on ${where(side, group)}`,
    )
  }
  append(next, side, image)
  emit(next, true, () => `write ${number + 1} commits on ${where(side, group)}`)
}

function drawId(s: State, w: World, side: Side): void {
  const id = get(s, SEQUENCE + side)
  s[SEQUENCE + side] = id + (w.rules.disjointSequences ? 2 : 1)
  if ((get(s, IDS) & (1 << id)) !== 0) s[BROKEN] = get(s, BROKEN) | BrokenBit.uniqueIds
  s[IDS] = get(s, IDS) | (1 << id)
}

const where = (side: Side, group: number): string => `${sideName(side)}, group ${group + 1}`
