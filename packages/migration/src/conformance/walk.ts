import { BucketSet } from '@banyan/contracts'
import { successors } from '../model/protocol.ts'
import {
  CLOSED,
  CLOSING,
  epochOf,
  GIVEN,
  OPEN,
  own,
  SIDES,
  SOURCE,
  type State,
  seenAt,
  stateOf,
  token,
} from '../model/state.ts'
import { initial, type World } from '../model/world.ts'
import type { BucketState, Ownership } from '../sides.ts'
import { canonical, WORLD } from './replay.ts'
import type { Trace, TraceEvent } from './trace.ts'

/** What a run would record that goes the way these picks choose through the model. */
export function walk(picks: readonly number[], w: World = WORLD): Trace {
  const events: TraceEvent[] = []
  let state = initial(w)
  for (const pick of picks) {
    const ways: State[] = []
    successors(state, w, (next) => ways.push(canonical(next)))
    if (ways.length === 0) break
    const next = ways[pick % ways.length]!
    events.push(...shown(state, next))
    state = next
    if (SIDES.some((side) => epochOf(own(state, side, 0)) > 50)) break
  }
  return { token: 1, events }
}

/** What the databases show of a step. */
function shown(before: State, after: State): TraceEvent[] {
  return SIDES.flatMap((s): TraceEvent[] => {
    const side = s === SOURCE ? 'source' : 'target'
    const events: TraceEvent[] = []
    if (token(before, s) !== token(after, s)) {
      events.push({ kind: 'token', side, token: token(after, s) })
    }
    const [from, to] = [own(before, s, 0), own(after, s, 0)]
    if (from !== to) {
      events.push({ kind: 'flip', side, buckets: BucketSet.all, from: rowOf(from), to: rowOf(to) })
    }
    const epoch = after[seenAt(s, 0)]!
    if (before[seenAt(s, 0)] !== epoch) {
      events.push({ kind: 'barrier', side, buckets: BucketSet.all, epoch })
    }
    return events
  })
}

const NAMES: Record<number, BucketState> = {
  [CLOSED]: 'closed',
  [OPEN]: 'open',
  [CLOSING]: 'closing',
  [GIVEN]: 'given',
}

const rowOf = (owned: number): Ownership => ({
  state: NAMES[stateOf(owned)]!,
  epoch: epochOf(owned),
})
