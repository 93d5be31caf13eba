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
  REPAIRS,
  REPLICATED_WRITE,
  rowAt,
  SIDES,
  type Side,
  SOURCE,
  type State,
  seenAt,
  tokenOf,
} from './state.ts'
import {
  applierOf,
  BATCH_EVENT,
  BATCH_WHERE,
  batchMoved,
  batchStream,
  CHUNK_IMAGE,
  CHUNK_WHERE,
  chunkFrom,
  chunkGroup,
  type Emit,
  EVICTED,
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
    // Else a chunk read before the bucket went away could be written after it came back.
    if (w.rules.barrierEvicts) evict(s, stream, group)
    return
  }
  const tagged = kindOf(e) === REPLICATED_WRITE && w.rules.tags
  if (w.rules.eviction) evict(s, stream, group)
  if (tagged) return
  if (kindOf(e) === REPLICATED_WRITE) s[BROKEN] = get(s, BROKEN) | BrokenBit.noLoop
  replicate(s, w, other(stream), group, payloadOf(e))
}

/** What an applier or copier writes: refused where the bucket is open, tagged where it is not. */
function replicate(s: State, w: World, side: Side, group: number, image: number): void {
  if (isOpen(s, side, group)) return
  s[rowAt(side, group)] = image
  // The stream the other way drops exactly these. While no chunk can be pending that they would
  // evict, dropping them makes no difference to anything, and they need not stand in it.
  if (!w.rules.tags || w.bounds.repairs > 0) append(s, side, event(REPLICATED_WRITE, group, image))
}

function evict(s: State, stream: Side, group: number): void {
  if (get(s, CHUNK) === 0 || chunkFrom(s) !== stream || chunkGroup(s) !== group) return
  s[CHUNK_WHERE] = get(s, CHUNK_WHERE) | EVICTED
}

/**
 * The copy of the rows that were there before the slot, a chunk for each group; and chunks taken
 * again later, by a repair or since the slot was lost, in either direction.
 */
export function copySteps(s: State, w: World, emit: Emit): void {
  if (get(s, CHUNK) !== 0) {
    writeChunk(s, w, emit)
    return
  }
  for (const group of groupsOf(w)) {
    if ((get(s, COPIED) & (1 << group)) === 0) {
      readChunk(s, SOURCE, group, emit)
      continue
    }
    if (get(s, REPAIRS) >= w.bounds.repairs) continue
    for (const from of SIDES) {
      if (w.rules.chunkFromOwner && !isOpen(s, from, group)) continue
      readChunk(s, from, group, emit)
    }
  }
}

function readChunk(s: State, from: Side, group: number, emit: Emit): void {
  const copier = applierOf(s, other(from))
  if (copier === undefined) return
  const next = s.slice()
  const first = (get(s, COPIED) & (1 << group)) === 0
  if (!first) next[REPAIRS] = get(s, REPAIRS) + 1
  next[CHUNK] = tokenOf(s, copier)
  next[CHUNK_WHERE] = group | (from << 1)
  next[CHUNK_IMAGE] = imageOf(s, from, group)
  const whose = first ? 'the copier' : 'a repair'
  emit(next, first, () => `${whose} reads the chunk of group ${group + 1} on ${sideName(from)}`)
}

function writeChunk(s: State, w: World, emit: Emit): void {
  const group = chunkGroup(s)
  const to = other(chunkFrom(s))
  const evicted = (get(s, CHUNK_WHERE) & EVICTED) !== 0
  const next = s.slice()
  if (!evicted) replicate(next, w, to, group, get(s, CHUNK_IMAGE))
  next[COPIED] = get(s, COPIED) | (1 << group)
  next.fill(0, CHUNK, CHUNK + 3)
  const what = evicted ? 'leaves out the evicted row' : 'writes the chunk'
  emit(next, true, () => `the copier ${what} of group ${group + 1} to ${sideName(to)}`)
}

const eventWords = (e: number): string =>
  kindOf(e) === BARRIER
    ? `the barrier of group ${groupOf(e) + 1}, epoch ${payloadOf(e)}`
    : `a write of group ${groupOf(e) + 1} (row is now ${payloadOf(e).toString(2)})`
