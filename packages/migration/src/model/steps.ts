import { answer, flipWords, pendingFlip, write } from './flip.ts'
import { acknowledged, announced, holdSteps, tableSteps } from './gateways.ts'
import {
  ABORTS,
  append,
  BARRIER,
  CLOSED,
  COPIED,
  ENGINE_PENDING,
  ENGINE_WORK,
  engineAt,
  epochOf,
  event,
  get,
  HANDOVERS,
  HOLD_ALL,
  HOLD_WRITES,
  hasSlot,
  known,
  knownAt,
  LAST_TOKEN,
  OPEN,
  other,
  Pc,
  pcOf,
  SIDES,
  SLOTS,
  type State,
  seenAt,
  stateOf,
  TARGET,
  token,
  tokenOf,
  workOf,
} from './state.ts'
import {
  faultSteps,
  forget,
  raiseSteps,
  readSteps,
  reconcileSteps,
  rest,
  startSteps,
} from './takeover.ts'
import { type Emit, engineName, groupsOf, settleDead, sideName, type World } from './world.ts'

export function engineSteps(s: State, w: World, engine: number, told: Emit): void {
  const pc = pcOf(s, engine)
  if (pc === Pc.down) {
    startSteps(s, w, engine, told)
    return
  }
  // One that was overtaken may be paused for ever: nothing may rest on what it does.
  const current = tokenOf(s, engine) === s[LAST_TOKEN]
  const emit: Emit = (next, progress, words) => told(next, progress && current, words)
  faultSteps(s, w, engine, emit)
  if (pc === Pc.raise) raiseSteps(s, w, engine, emit)
  else if (pc === Pc.read) readSteps(s, w, engine, emit)
  else if (pc === Pc.idle) idleSteps(s, w, engine, emit)
  else if (pc === Pc.hold) holdStep(s, w, engine, emit)
  else if (pc === Pc.drain) drainSteps(s, w, engine, emit)
  else if (pc === Pc.moveReads) readsStep(s, w, engine, emit)
  else if (pc === Pc.release) releaseSteps(s, w, engine, emit)
  else flipSteps(s, w, engine, emit)
}

function afterFlip(s: State, w: World, engine: number): number {
  switch (pcOf(s, engine)) {
    case Pc.close:
      return w.rules.drain ? Pc.drain : Pc.give
    case Pc.give:
      return Pc.moveReads
    case Pc.open:
      return Pc.settle
    case Pc.reopen:
      return Pc.release
    default:
      return Pc.idle
  }
}

function flipSteps(s: State, w: World, engine: number, emit: Emit): void {
  const pc = pcOf(s, engine)
  if (pc === Pc.settle) {
    tableSteps(s, w, engine, emit)
    if (!announced(s, w, engine)) return
  }
  const flip = pendingFlip(s, w, engine)!
  const said = answer(s, w, flip, tokenOf(s, engine))
  if (said === 'waits') return
  const next = s.slice()
  if (said === 'refused') {
    // Refused for its token it stands by (faultSteps); for a row that changed it looks again.
    if (w.rules.token && tokenOf(s, engine) < token(s, flip.side)) return
    forget(next, engine)
    next[engineAt(engine)] = Pc.read
    next[engineAt(engine) + ENGINE_PENDING] = 3
    emit(next, true, () => `${engineName(engine)} may not ${flipWords(flip)}; it looks again`)
    return
  }
  write(next, w, flip)
  next[knownAt(engine, flip.side, flip.group)] = flip.to
  next[engineAt(engine)] = afterFlip(s, w, engine)
  if (pc === Pc.close && !w.rules.barrierIdentity) next[seenAt(flip.side, flip.group)] = 0
  if (pc === Pc.settle) rest(next, w, engine)
  emit(settleDead(next, w), true, () => `${engineName(engine)}: ${flipWords(flip)}`)
}

function idleSteps(s: State, w: World, engine: number, emit: Emit): void {
  reconcileSteps(s, w, engine, emit)
  if (w.rules.reconcile) tableSteps(s, w, engine, emit)
  const at = engineAt(engine)
  const targetOwns = groupsOf(w).some((g) => stateOf(known(s, engine, TARGET, g)) === OPEN)
  if (!hasSlot(s, TARGET) && (w.rules.reverseSlotFirst || targetOwns)) {
    const next = s.slice()
    next[SLOTS] = get(s, SLOTS) | (1 << TARGET)
    emit(next, true, () => `${engineName(engine)} creates the reverse slot`)
  }
  if (get(s, HANDOVERS) >= w.bounds.handovers) return
  for (const group of groupsOf(w)) {
    if ((get(s, COPIED) & (1 << group)) === 0) continue
    const from = SIDES.find((side) => stateOf(known(s, engine, side, group)) === OPEN)
    if (from === undefined || stateOf(known(s, engine, other(from), group)) !== CLOSED) continue
    if (!hasSlot(s, from) || (w.rules.reverseSlotFirst && !hasSlot(s, other(from)))) continue
    const next = s.slice()
    next[HANDOVERS] = get(s, HANDOVERS) + 1
    next[at] = Pc.hold
    next[at + ENGINE_WORK] = group | (from << 1)
    emit(
      next,
      false,
      () => `${engineName(engine)} begins to hand group ${group + 1} to ${sideName(other(from))}`,
    )
  }
}

const canAbort = (s: State, w: World): boolean => get(s, ABORTS) < w.bounds.aborts

function holdStep(s: State, w: World, engine: number, emit: Emit): void {
  holdSteps(s, w, engine, HOLD_WRITES, emit)
  const { group, from } = workOf(s, engine)
  const at = engineAt(engine)
  if (acknowledged(s, w, engine, HOLD_WRITES)) {
    const next = s.slice()
    next[at] = Pc.close
    if (w.rules.barrierInClose) {
      emit(next, true, () => `${engineName(engine)} has the hold of every gateway`)
    } else {
      const epoch = epochOf(known(s, engine, from, group)) + 1
      append(next, from, event(BARRIER, group, epoch))
      emit(next, true, () => `${engineName(engine)} emits the barrier of epoch ${epoch} by itself`)
    }
  }
  if (!canAbort(s, w)) return
  const next = s.slice()
  next[ABORTS] = get(s, ABORTS) + 1
  next[at] = Pc.release
  emit(next, false, () => `${engineName(engine)} gives the attempt up: a hold out of budget`)
}

/** The drain waits for the barrier of its own attempt, by group and epoch. */
function drainSteps(s: State, w: World, engine: number, emit: Emit): void {
  const { group, from } = workOf(s, engine)
  const at = engineAt(engine)
  const seen = get(s, seenAt(from, group))
  const wanted = epochOf(known(s, engine, from, group))
  if (w.rules.barrierIdentity ? seen === wanted : seen !== 0) {
    const next = s.slice()
    next[at] = Pc.give
    emit(next, true, () => `${engineName(engine)} finds the barrier of epoch ${seen} drained`)
  }
  if (!canAbort(s, w)) return
  const next = s.slice()
  next[ABORTS] = get(s, ABORTS) + 1
  next[at] = Pc.reopen
  emit(next, false, () => `${engineName(engine)} gives the attempt up: the drain out of budget`)
}

/**
 * Every gateway has stopped reading the group, or its lease is over: only then Z opens. Before A is
 * reopened nothing needs to move: nobody else has written since it closed.
 */
function readsStep(s: State, w: World, engine: number, emit: Emit): void {
  if (w.rules.readsMovedFirst) holdSteps(s, w, engine, HOLD_ALL, emit)
  if (w.rules.readsMovedFirst && !acknowledged(s, w, engine, HOLD_ALL)) return
  const next = s.slice()
  next[engineAt(engine)] = Pc.open
  emit(next, true, () => `${engineName(engine)} goes on: no gateway reads the group`)
}

function releaseSteps(s: State, w: World, engine: number, emit: Emit): void {
  tableSteps(s, w, engine, emit)
  if (!announced(s, w, engine)) return
  const next = s.slice()
  rest(next, w, engine)
  emit(next, true, () => `${engineName(engine)} has released every gateway`)
}
