import { BrokenBit } from './invariants.ts'
import {
  advance,
  append,
  BARRIER,
  BATCH,
  BATCHES,
  BROKEN,
  CHUNK,
  COPIED,
  event,
  get,
  groupOf,
  head,
  imageOf,
  isOpen,
  kindOf,
  other,
  payloadOf,
  REPLICATED_WRITE,
  rowAt,
  SIDES,
  type Side,
  SOURCE,
  type State,
  seenAt,
  TARGET,
  tokenOf,
} from './state.ts'
import {
  applierOf,
  BATCH_EVENT,
  BATCH_WHERE,
  batchMoved,
  batchStream,
  CHUNK_GROUP,
  CHUNK_IMAGE,
  type Emit,
  groupsOf,
  settleDead,
  sideName,
  type World,
} from './world.ts'

const streamName = (stream: Side): string => `${sideName(stream)} → ${sideName(other(stream))}`

/** The change streams, one from each side: each event is applied with its position, at once. */
export function streamSteps(s: State, w: World, emit: Emit): void {
  for (const stream of SIDES) {
    const applier = applierOf(s, other(stream))
    const e = head(s, stream)
    if (applier === undefined || e === 0) continue
    const mine = tokenOf(s, applier)
    // A stream has one applier: while it holds a batch of its own it reads nothing else.
    if (get(s, BATCH) === mine && batchStream(s) === stream && !batchMoved(s)) continue
    const next = s.slice()
    advance(next, stream)
    moved(next, stream)
    apply(next, w, stream, e)
    emit(settleDead(next, w), true, () => `stream ${streamName(stream)} applies ${eventWords(e)}`)
    if (get(s, BATCH) === 0 && get(s, BATCHES) < w.bounds.batches) hold(s, w, stream, e, mine, emit)
  }
  release(s, w, emit)
}

/** An applier reads a batch and pauses before it writes. */
function hold(s: State, w: World, stream: Side, e: number, by: number, emit: Emit): void {
  const next = s.slice()
  next[BATCHES] = get(s, BATCHES) + 1
  next[BATCH] = by
  next[BATCH_EVENT] = e
  next[BATCH_WHERE] = stream
  // The mutant tells the slot that it may forget what is only in memory.
  if (!w.rules.durableAcknowledged) advance(next, stream)
  emit(next, false, () => `an applier of ${streamName(stream)} holds ${eventWords(e)} and pauses`)
}

/** The paused applier writes what it holds: its position and its token are compared first. */
function release(s: State, w: World, emit: Emit): void {
  const by = get(s, BATCH)
  if (by === 0) return
  const stream = batchStream(s)
  const e = get(s, BATCH_EVENT)
  const next = s.slice()
  next.fill(0, BATCH, BATCH + 3)
  if (!batchMoved(s) && w.rules.durableAcknowledged) advance(next, stream)
  apply(next, w, stream, e)
  const old = batchMoved(s) ? ', over a position that has moved' : ''
  emit(settleDead(next, w), true, () => `the paused applier writes ${eventWords(e)}${old}`)
}

/** Another applier moved the position that a held batch was read at. */
function moved(s: State, stream: Side): void {
  if (get(s, BATCH) !== 0 && batchStream(s) === stream) s[BATCH_WHERE] = get(s, BATCH_WHERE) | 2
}

function apply(s: State, w: World, stream: Side, e: number): void {
  const group = groupOf(e)
  if (kindOf(e) === BARRIER) {
    s[seenAt(stream, group)] = payloadOf(e)
    return
  }
  if (kindOf(e) === REPLICATED_WRITE) s[BROKEN] = get(s, BROKEN) | BrokenBit.noLoop
  if (w.rules.eviction && stream === SOURCE && get(s, CHUNK) !== 0) {
    if ((get(s, CHUNK_GROUP) & 1) === group) s[CHUNK_GROUP] = get(s, CHUNK_GROUP) | 2
  }
  replicate(s, w, other(stream), group, payloadOf(e))
}

/** What an applier or copier writes: refused where the bucket is open, tagged where it is not. */
function replicate(s: State, w: World, side: Side, group: number, image: number): void {
  if (isOpen(s, side, group)) return
  s[rowAt(side, group)] = image
  // The stream the other way drops exactly these; untagged, they stand in it like any other.
  if (!w.rules.tags) append(s, side, event(REPLICATED_WRITE, group, image))
}

/** The copy of the rows that were there before the slot, a chunk for each group. */
export function copySteps(s: State, w: World, emit: Emit): void {
  const applier = applierOf(s, TARGET)
  const chunk = get(s, CHUNK)
  if (applier !== undefined && chunk === 0) {
    for (const group of groupsOf(w)) {
      if ((get(s, COPIED) & (1 << group)) !== 0) continue
      const next = s.slice()
      next[CHUNK] = tokenOf(s, applier)
      next[CHUNK_GROUP] = group
      next[CHUNK_IMAGE] = imageOf(s, SOURCE, group)
      emit(next, true, () => `the copier reads the chunk of group ${group + 1}`)
    }
  }
  if (chunk === 0) return
  const group = get(s, CHUNK_GROUP) & 1
  const evicted = (get(s, CHUNK_GROUP) & 2) !== 0
  const next = s.slice()
  if (!evicted) replicate(next, w, TARGET, group, get(s, CHUNK_IMAGE))
  next[COPIED] = get(s, COPIED) | (1 << group)
  next.fill(0, CHUNK, CHUNK + 3)
  const what = evicted ? 'leaves out the evicted row' : 'writes the chunk'
  emit(next, true, () => `the copier ${what} of group ${group + 1}`)
}

const eventWords = (e: number): string =>
  kindOf(e) === BARRIER
    ? `the barrier of group ${groupOf(e) + 1}, epoch ${payloadOf(e)}`
    : `a write of group ${groupOf(e) + 1} (row is now ${payloadOf(e).toString(2)})`
