import { answer, flipWords, orphan, pendingFlip, write } from './flip.ts'
import {
  CLOSING,
  clearEngine,
  ENGINE_KNOWS,
  ENGINE_PENDING,
  ENGINE_TOKEN,
  ENGINE_WORK,
  ENGINES,
  engineAt,
  epochOf,
  FAULTS,
  GIVEN,
  get,
  known,
  knownAt,
  LAST_TOKEN,
  OPEN,
  other,
  own,
  Pc,
  pcOf,
  row,
  SIDES,
  type Side,
  SOURCE,
  type State,
  stateOf,
  TARGET,
  TOKEN,
  token,
  tokenOf,
} from './state.ts'
import { type Emit, engineName, groupsOf, settleDead, sideName, type World } from './world.ts'

const BOTH = 3

/** An engine that is down starts; one that stands by takes over from one it believes dead. */
export function startSteps(s: State, w: World, engine: number, emit: Emit): void {
  const current = ENGINES.some((e) => pcOf(s, e) !== Pc.down && tokenOf(s, e) === s[LAST_TOKEN])
  const firstDown = ENGINES.find((e) => pcOf(s, e) === Pc.down)
  if (!current) {
    // Engines that are down remember nothing, so that it makes no difference which of them starts.
    if (engine === firstDown) {
      const next = s.slice()
      takeToken(next, w, engine)
      emit(next, true, () => `${engineName(engine)} starts with token ${tokenOf(next, engine)}`)
    }
    return
  }
  if (get(s, FAULTS) >= w.bounds.faults) return
  const next = s.slice()
  next[FAULTS] = get(s, FAULTS) + 1
  takeToken(next, w, engine)
  emit(
    next,
    false,
    () => `the other pauses; ${engineName(engine)} takes over with token ${tokenOf(next, engine)}`,
  )
}

function takeToken(s: State, w: World, engine: number): void {
  clearEngine(s, engine)
  s[LAST_TOKEN] = get(s, LAST_TOKEN) + 1
  const at = engineAt(engine)
  s[at] = w.rules.raiseBeforeRead ? Pc.raise : Pc.read
  s[at + ENGINE_TOKEN] = get(s, LAST_TOKEN)
  s[at + ENGINE_PENDING] = BOTH
}

/** Crash, lost reply, and finding out that another engine has a higher token. */
export function faultSteps(s: State, w: World, engine: number, emit: Emit): void {
  const mine = tokenOf(s, engine)
  if (mine < Math.max(token(s, SOURCE), token(s, TARGET))) {
    const next = s.slice()
    clearEngine(next, engine)
    emit(next, true, () => `${engineName(engine)} finds a higher token and stands by`)
  }
  if (get(s, FAULTS) >= w.bounds.faults) return
  const flip = pendingFlip(s, w, engine)
  const crashed = s.slice()
  crashed[FAULTS] = get(s, FAULTS) + 1
  if (flip !== undefined) orphan(crashed, flip, mine)
  const lost = crashed.slice()
  clearEngine(crashed, engine)
  const inFlight = flip === undefined ? '' : ', its statement still on its way'
  emit(settleDead(crashed, w), false, () => `${engineName(engine)} crashes${inFlight}`)
  // One that was overtaken would ask for its lease first, and not get it.
  if (flip === undefined || mine !== s[LAST_TOKEN]) return
  takeToken(lost, w, engine)
  emit(
    settleDead(lost, w),
    false,
    () => `${engineName(engine)} loses the connection, its statement still on its way`,
  )
}

export function raiseSteps(s: State, w: World, engine: number, emit: Emit): void {
  const at = engineAt(engine)
  const mine = tokenOf(s, engine)
  if (w.rules.raiseBeforeRead) reopenAloneSteps(s, w, engine, emit)
  for (const side of SIDES) {
    if ((get(s, at + ENGINE_PENDING) & (1 << side)) === 0 || token(s, side) > mine) continue
    const next = s.slice()
    next[TOKEN + side] = mine
    const left = get(s, at + ENGINE_PENDING) & ~(1 << side)
    next[at + ENGINE_PENDING] = w.rules.tokenBothSides ? left : 0
    if (next[at + ENGINE_PENDING] === 0) {
      if (w.rules.raiseBeforeRead) {
        next[at] = Pc.read
        next[at + ENGINE_PENDING] = BOTH
      } else rest(next, w, engine)
    }
    emit(
      settleDead(next, w),
      true,
      () => `${engineName(engine)} raises the token on ${sideName(side)} to ${mine}`,
    )
  }
}

/**
 * With the other side out of reach, a row that is closing was not given: nobody can have opened the
 * other, and the token raised here keeps an older engine's statements out. It is reopened at once.
 */
function reopenAloneSteps(s: State, w: World, engine: number, emit: Emit): void {
  const pending = get(s, engineAt(engine) + ENGINE_PENDING)
  for (const side of SIDES) {
    if (pending !== 1 << other(side)) continue
    for (const group of groupsOf(w)) {
      const from = own(s, side, group)
      if (stateOf(from) !== CLOSING) continue
      const flip = { side, group, from, to: row(OPEN, epochOf(from) + 1) }
      if (answer(s, w, flip, tokenOf(s, engine)) !== 'done') continue
      const next = s.slice()
      write(next, w, flip)
      emit(
        settleDead(next, w),
        true,
        () => `${engineName(engine)}, the other side out of reach: ${flipWords(flip)}`,
      )
    }
  }
}

/** The two databases are read one after the other: between the two anything may happen. */
export function readSteps(s: State, w: World, engine: number, emit: Emit): void {
  const at = engineAt(engine)
  for (const side of SIDES) {
    if ((get(s, at + ENGINE_PENDING) & (1 << side)) === 0) continue
    const next = s.slice()
    learn(next, w, engine, side)
    next[at + ENGINE_PENDING] = get(s, at + ENGINE_PENDING) & ~(1 << side)
    if (next[at + ENGINE_PENDING] === 0) {
      if (tokenOf(s, engine) > token(s, SOURCE) && tokenOf(s, engine) > token(s, TARGET)) {
        next[at] = Pc.raise
        next[at + ENGINE_PENDING] = BOTH
      } else rest(next, w, engine)
    }
    emit(next, true, () => `${engineName(engine)} reads the ownership on ${sideName(side)}`)
  }
}

/**
 * An idle engine looks again. Looking brings nothing new while it is the only one; one that was
 * overtaken may hold an old answer of one side beside a new one of the other.
 */
export function reconcileSteps(s: State, w: World, engine: number, emit: Emit): void {
  if (!w.rules.reconcile) return
  const at = engineAt(engine)
  for (const side of SIDES) {
    const news = groupsOf(w).some((g) => own(s, side, g) !== known(s, engine, side, g))
    if (!news) continue
    const first = s.slice()
    learn(first, w, engine, side)
    const second = first.slice()
    first[at] = Pc.read
    first[at + ENGINE_PENDING] = 1 << other(side)
    emit(first, true, () => `${engineName(engine)}, idle, reads the ownership on ${sideName(side)}`)
    rest(second, w, engine)
    emit(second, true, () => {
      const before = sideName(other(side))
      return `${engineName(engine)}, idle, having read ${before} before, reads ${sideName(side)}`
    })
  }
}

function learn(s: State, w: World, engine: number, side: Side): void {
  for (const group of groupsOf(w)) s[knownAt(engine, side, group)] = own(s, side, group)
}

/** From what it knows: the first group that needs recovery, or idle. */
export function rest(s: State, w: World, engine: number): void {
  const at = engineAt(engine)
  s[at + ENGINE_PENDING] = 0
  for (const group of groupsOf(w)) {
    const found = recovery(s, w, engine, group)
    if (found === undefined) continue
    s[at] = found.pc
    s[at + ENGINE_WORK] = group | (found.from << 1)
    return
  }
  s[at] = Pc.idle
  s[at + ENGINE_WORK] = 0
}

interface Recovery {
  pc: number
  from: Side
}

/** "A closing, Z not open: reopen A; A given: go forward; Z open: finish." */
function recovery(s: State, w: World, engine: number, group: number): Recovery | undefined {
  const rows = SIDES.map((side) => known(s, engine, side, group))
  const states = rows.map(stateOf)
  if (!w.rules.recoveryLooksAtBoth) {
    const left = SIDES.find((side) => states[side] === CLOSING || states[side] === GIVEN)
    return left === undefined ? undefined : { pc: Pc.reopen, from: left }
  }
  const open = SIDES.find((side) => states[side] === OPEN)
  if (open !== undefined) {
    const from = other(open)
    return states[from] === GIVEN ? { pc: Pc.settle, from } : undefined
  }
  const higher = epochOf(rows[SOURCE]!) > epochOf(rows[TARGET]!) ? SOURCE : TARGET
  const owner = w.rules.recoveryByEpoch ? higher : SOURCE
  return { pc: states[owner] === GIVEN ? Pc.moveReads : Pc.reopen, from: owner }
}

export const forget = (s: State, engine: number): void => {
  s.fill(0, engineAt(engine) + ENGINE_WORK, engineAt(engine) + ENGINE_KNOWS + 4)
}
