import {
  GATEWAY_TOKEN,
  gatewayAt,
  get,
  HOLD_ALL,
  HOLD_NOTHING,
  known,
  LEASE_IGNORED,
  LEASE_OVER,
  LEASED,
  LEASES,
  OPEN,
  route,
  routeAt,
  routeHold,
  routeSide,
  SIDES,
  type Side,
  SOURCE,
  type State,
  stateOf,
  TARGET,
  token,
  tokenOf,
  workOf,
} from './state.ts'
import { type Emit, engineName, gatewaysOf, groupsOf, sideName, type World } from './world.ts'

const leased = (s: State, gateway: number): boolean => get(s, gatewayAt(gateway)) === LEASED

/** A gateway takes word of its engine's token or a higher one, and remembers it. */
function hears(s: State, w: World, gateway: number, engine: number): boolean {
  const known = get(s, gatewayAt(gateway) + GATEWAY_TOKEN)
  return leased(s, gateway) && (!w.rules.gatewayToken || tokenOf(s, engine) >= known)
}

function remember(s: State, gateway: number, engine: number): void {
  const at = gatewayAt(gateway) + GATEWAY_TOKEN
  s[at] = Math.max(get(s, at), tokenOf(s, engine))
}

const holds = (s: State, engine: number, gateway: number, level: number): boolean =>
  routeHold(get(s, routeAt(gateway, workOf(s, engine).group))) >= level &&
  get(s, gatewayAt(gateway) + GATEWAY_TOKEN) >= tokenOf(s, engine)

/** Every gateway holds the engine's group, or its lease is over. */
export const acknowledged = (s: State, w: World, engine: number, level: number): boolean =>
  gatewaysOf(w).every((g) => !leased(s, g) || holds(s, engine, g, level))

/** An engine asks each gateway that has not yet acknowledged to hold the group. */
export function holdSteps(s: State, w: World, engine: number, level: number, emit: Emit): void {
  const { group } = workOf(s, engine)
  for (const gateway of gatewaysOf(w)) {
    if (!hears(s, w, gateway, engine) || holds(s, engine, gateway, level)) continue
    const next = s.slice()
    const routed = get(s, routeAt(gateway, group))
    const held = Math.max(routeHold(routed), level)
    next[routeAt(gateway, group)] = route(routeSide(routed), held)
    remember(next, gateway, engine)
    const what = level === HOLD_ALL ? 'reads and writes' : 'writes'
    emit(next, true, () => `gateway ${gateway + 1} holds ${what} of group ${group + 1}`)
  }
}

/** The route an engine would publish for a group, from what it knows of the ownership. */
function table(s: State, engine: number, group: number): number | undefined {
  const open = SIDES.filter((side) => stateOf(known(s, engine, side, group)) === OPEN)
  return open.length === 1 ? route(open[0]!, HOLD_NOTHING) : undefined
}

const differs = (s: State, w: World, engine: number, gateway: number): boolean =>
  groupsOf(w).some((group) => {
    const wanted = table(s, engine, group)
    return wanted !== undefined && get(s, routeAt(gateway, group)) !== wanted
  })

/** Every gateway with a lease has the table of what this engine knows. */
export const announced = (s: State, w: World, engine: number): boolean =>
  gatewaysOf(w).every((g) => !leased(s, g) || !differs(s, w, engine, g))

/** The engine sends its table to each gateway that has another; holds end with it. */
export function tableSteps(s: State, w: World, engine: number, emit: Emit): void {
  for (const gateway of gatewaysOf(w)) {
    if (!hears(s, w, gateway, engine) || !differs(s, w, engine, gateway)) continue
    const next = s.slice()
    const words: string[] = []
    for (const group of groupsOf(w)) {
      const wanted = table(s, engine, group)
      if (wanted === undefined) continue
      next[routeAt(gateway, group)] = wanted
      words.push(`group ${group + 1} at ${sideName(routeSide(wanted))}`)
    }
    remember(next, gateway, engine)
    emit(
      next,
      true,
      () => `gateway ${gateway + 1} takes the table of ${engineName(engine)}: ${words.join(', ')}`,
    )
  }
}

/** Leases end and gateways register again. */
export function leaseSteps(s: State, w: World, emit: Emit): void {
  for (const gateway of gatewaysOf(w)) {
    const at = gatewayAt(gateway)
    const next = s.slice()
    if (leased(s, gateway)) {
      if (get(s, LEASES) >= w.bounds.leases) continue
      next[LEASES] = get(s, LEASES) + 1
      next[at] = w.rules.leaseStops ? LEASE_OVER : LEASE_IGNORED
      if (w.rules.leaseStops && w.rules.registersHolding) forgetRoutes(next, w, gateway)
      const serves = w.rules.leaseStops ? 'it has stopped serving' : 'it serves on'
      emit(next, false, () => `the lease of gateway ${gateway + 1} ends; ${serves}`)
    } else {
      // It learns the token from a database, and holds everything until it is told a table.
      next[at] = LEASED
      if (w.rules.registersHolding) forgetRoutes(next, w, gateway)
      const learnt = Math.min(token(s, SOURCE), token(s, TARGET))
      next[at + GATEWAY_TOKEN] = w.rules.registersWithToken ? learnt : 0
      emit(next, true, () => `gateway ${gateway + 1} registers, ${heldWords(next, w, gateway)}`)
    }
  }
}

const heldWords = (s: State, w: World, gateway: number): string =>
  groupsOf(w).every((g) => routeHold(get(s, routeAt(gateway, g))) === HOLD_ALL)
    ? 'holding all'
    : 'with the table it had'

function forgetRoutes(s: State, w: World, gateway: number): void {
  for (const group of groupsOf(w)) s[routeAt(gateway, group)] = route(SOURCE, HOLD_ALL)
  s[gatewayAt(gateway) + GATEWAY_TOKEN] = 0
}

/** The side a gateway reads a group from now; undefined while it holds or has stopped. */
export function readsFrom(s: State, gateway: number, group: number): Side | undefined {
  const routed = get(s, routeAt(gateway, group))
  const stopped = get(s, gatewayAt(gateway)) === LEASE_OVER
  return stopped || routeHold(routed) === HOLD_ALL ? undefined : routeSide(routed)
}
