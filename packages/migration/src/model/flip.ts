import { BrokenBit } from './invariants.ts'
import {
  append,
  BARRIER,
  BROKEN,
  CLOSED,
  CLOSING,
  epochOf,
  event,
  GIVEN,
  get,
  known,
  OPEN,
  ORPHAN,
  OWN,
  other,
  own,
  Pc,
  pcOf,
  row,
  SEQUENCE,
  type Side,
  SOURCE,
  type State,
  stateOf,
  TARGET,
  token,
  workOf,
} from './state.ts'
import { dropOldTransactions, stripeHeld } from './stripe.ts'
import { complete, type Emit, settleDead, sideName, type World } from './world.ts'

/** One call of the SQL function that changes an ownership row, by compare-and-set. */
export interface Flip {
  side: Side
  group: number
  /** The row as the engine knows it: state and epoch must both still be so. */
  from: number
  to: number
}

const VERBS = ['close for good', 'open', 'close', 'give']
export const flipWords = (f: Flip): string =>
  `${VERBS[stateOf(f.to)]} ${sideName(f.side)} for group ${f.group + 1}, epoch ${epochOf(f.to)}`

/** The flip an engine at one of the flipping steps is about to send. */
export function pendingFlip(s: State, w: World, engine: number): Flip | undefined {
  const { group, from } = workOf(s, engine)
  const to = other(from)
  const a = known(s, engine, from, group)
  const z = known(s, engine, to, group)
  const next = Math.max(epochOf(a), epochOf(z)) + 1
  const reopened = w.rules.newEpochs || stateOf(a) !== CLOSING ? next : epochOf(a) - 1
  switch (pcOf(s, engine)) {
    case Pc.close:
      return { side: from, group, from: a, to: row(CLOSING, next) }
    case Pc.give:
      return { side: from, group, from: a, to: row(GIVEN, epochOf(a)) }
    case Pc.open:
      return { side: to, group, from: z, to: row(OPEN, next) }
    case Pc.settle:
      return { side: from, group, from: a, to: row(CLOSED, epochOf(a)) }
    case Pc.reopen:
      return { side: from, group, from: a, to: row(OPEN, reopened) }
    default:
      return undefined
  }
}

/** What the database answers: the flip waits for the stripe before it looks at anything else. */
export function answer(s: State, w: World, f: Flip, by: number): 'done' | 'waits' | 'refused' {
  if (w.rules.token && by < token(s, f.side)) return 'refused'
  if (own(s, f.side, f.group) !== f.from) return 'refused'
  if (w.rules.guard && w.rules.guardLock && stripeHeld(s, f.side, f.group)) return 'waits'
  return 'done'
}

/** Writes the flip into `s`, the barrier in the same transaction when it closes. */
export function write(s: State, w: World, f: Flip): void {
  s[OWN + f.side * 2 + f.group] = f.to
  if (stateOf(f.to) === CLOSING) {
    if (w.rules.barrierInClose) append(s, f.side, event(BARRIER, f.group, epochOf(f.to)))
    if (w.rules.oldTransactionsRefused) dropOldTransactions(s, f.side, f.group)
  }
  if (stateOf(f.to) !== OPEN) return
  if (!complete(s, f.side, f.group)) s[BROKEN] = get(s, BROKEN) | BrokenBit.ownerComplete
  if (w.bounds.sequences && !w.rules.disjointSequences && f.side === TARGET) {
    // The margin of the mutant leaves one id free; any other is used up as surely, only later.
    s[SEQUENCE + TARGET] = Math.max(get(s, SEQUENCE + TARGET), get(s, SEQUENCE + SOURCE) + 1)
  }
}

/** Leaves the statement on its way after its connection died. One at a time: the later stays. */
export function orphan(s: State, f: Flip, by: number): void {
  s[ORPHAN] = by
  s[ORPHAN + 1] = f.side | (f.group << 1)
  s[ORPHAN + 2] = f.from
  s[ORPHAN + 3] = f.to
}

/** The statement without a connection executes after all, or is refused and gone. */
export function orphanSteps(s: State, w: World, emit: Emit): void {
  const by = get(s, ORPHAN)
  if (by === 0) return
  const where = get(s, ORPHAN + 1)
  const f: Flip = {
    side: (where & 1) as Side,
    group: (where >> 1) & 1,
    from: get(s, ORPHAN + 2),
    to: get(s, ORPHAN + 3),
  }
  if (answer(s, w, f, by) !== 'done') return
  const next = s.slice()
  next.fill(0, ORPHAN, ORPHAN + 4)
  write(next, w, f)
  emit(
    settleDead(next, w),
    false,
    () => `a statement whose connection died executes: ${flipWords(f)}`,
  )
}
