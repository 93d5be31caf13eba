/**
 * One state of the model, as bytes in a fixed layout. Bytes, not objects, since a run keeps a
 * million of them: 81 bytes a state, where an object graph takes about a kilobyte.
 */
export type State = Uint8Array

export type Side = 0 | 1
export const SOURCE: Side = 0
export const TARGET: Side = 1
export const SIDES: readonly Side[] = [SOURCE, TARGET]
export const ENGINES = [0, 1] as const
export const other = (side: Side): Side => (side === SOURCE ? TARGET : SOURCE)

/** Ownership states; a row of ownership is `state | epoch << 2`. */
export const CLOSED = 0
export const OPEN = 1
export const CLOSING = 2
export const GIVEN = 3
export const row = (state: number, epoch: number): number => state | (epoch << 2)
export const stateOf = (owned: number): number => owned & 3
export const epochOf = (owned: number): number => owned >> 2

/** Where an engine stands: the steps of the text, and those of recovery. */
export const Pc = {
  down: 0,
  raise: 1,
  read: 2,
  idle: 3,
  hold: 4,
  close: 5,
  drain: 6,
  give: 7,
  moveReads: 8,
  open: 9,
  settle: 10,
  reopen: 11,
  release: 12,
} as const

/** More than the bounds can put there; `append` throws rather than forget an event. */
export const WAL_CAPACITY = 8

let size = 0
const field = (bytes: number): number => {
  const at = size
  size += bytes
  return at
}

export const OWN = field(4)
export const ROW = field(4)
export const ACKED = field(2)
export const TOKEN = field(2)
export const LAST_TOKEN = field(1)
export const SLOTS = field(1)
const SEEN = field(4)
const WAL = field(2 * WAL_CAPACITY)
/** pc, token, group | A << 1, sides still to raise or read, then what it knows of the rows. */
export const ENGINE_BYTES = 8
const ENGINE = field(2 * ENGINE_BYTES)
/** A statement whose connection died: token (0: none), side | group << 1 | barrier << 2, from, to. */
export const ORPHAN = field(4)
/** A batch read and not yet written: token (0: none), event, stream | moved << 1. */
export const BATCH = field(3)
/** A copy chunk read and not yet written: token (0: none), group | side << 1 | evicted << 2, image. */
export const CHUNK = field(3)
export const COPIED = field(1)
export const CLIENT = field(2)
/** out, token seen, then for each group side | hold << 1. */
const GATEWAY_BYTES = 4
const GATEWAY = field(2 * GATEWAY_BYTES)
/** What was used of each budget: bounds of the search, not part of the protocol. */
export const HANDOVERS = field(1)
export const FAULTS = field(1)
export const ABORTS = field(1)
export const LEASES = field(1)
export const BATCHES = field(1)
export const REPAIRS = field(1)
export const BUDGETS_END = size
/** The next id of each side's sequence, and the ids drawn so far. */
export const SEQUENCE = field(2)
export const IDS = field(1)
/** A bit for each invariant that a step itself broke (see invariants.ts). */
export const BROKEN = field(1)
export const STATE_BYTES = size

export const get = (s: State, at: number): number => s[at]!
export const own = (s: State, side: Side, group: number): number => s[OWN + side * 2 + group]!
export const isOpen = (s: State, side: Side, group: number): boolean =>
  stateOf(own(s, side, group)) === OPEN
export const rowAt = (side: Side, group: number): number => ROW + side * 2 + group
export const imageOf = (s: State, side: Side, group: number): number => s[rowAt(side, group)]!
export const token = (s: State, side: Side): number => s[TOKEN + side]!
export const seenAt = (stream: Side, group: number): number => SEEN + stream * 2 + group
export const hasSlot = (s: State, side: Side): boolean => (s[SLOTS]! & (1 << side)) !== 0

export const engineAt = (engine: number): number => ENGINE + engine * ENGINE_BYTES
export const ENGINE_TOKEN = 1
export const ENGINE_WORK = 2
export const ENGINE_PENDING = 3
export const ENGINE_KNOWS = 4
export const pcOf = (s: State, engine: number): number => s[engineAt(engine)]!
export const tokenOf = (s: State, engine: number): number => s[engineAt(engine) + ENGINE_TOKEN]!
export const knownAt = (engine: number, side: Side, group: number): number =>
  engineAt(engine) + ENGINE_KNOWS + side * 2 + group
export const known = (s: State, engine: number, side: Side, group: number): number =>
  s[knownAt(engine, side, group)]!
export const clearEngine = (s: State, engine: number): void => {
  s.fill(0, engineAt(engine), engineAt(engine) + ENGINE_BYTES)
}
/** The group an engine is moving, and the side it moves it from. */
export const workOf = (s: State, engine: number): { group: number; from: Side } => {
  const work = s[engineAt(engine) + ENGINE_WORK]!
  return { group: work & 1, from: (work >> 1) as Side }
}

export const gatewayAt = (gateway: number): number => GATEWAY + gateway * GATEWAY_BYTES
export const GATEWAY_TOKEN = 1
const GATEWAY_ROUTES = 2
/** What a gateway does with a group: the side it routes to, and what it holds. */
export const HOLD_NOTHING = 0
export const HOLD_WRITES = 1
export const HOLD_ALL = 2
export const routeAt = (gateway: number, group: number): number =>
  gatewayAt(gateway) + GATEWAY_ROUTES + group
export const route = (side: number, hold: number): number => side | (hold << 1)
export const routeSide = (routed: number): Side => (routed & 1) as Side
export const routeHold = (routed: number): number => routed >> 1
/** A gateway's lease: held; ended, and it stopped in time; ended, and it serves on (a mutant's). */
export const LEASED = 0
export const LEASE_OVER = 1
export const LEASE_IGNORED = 2

/** Events of a WAL: `kind | group << 2 | image or epoch << 3`; 0 is no event. */
export const CLIENT_WRITE = 1
export const REPLICATED_WRITE = 2
export const BARRIER = 3
export const event = (kind: number, group: number, payload: number): number =>
  kind | (group << 2) | (payload << 3)
export const kindOf = (e: number): number => e & 3
export const groupOf = (e: number): number => (e >> 2) & 1
export const payloadOf = (e: number): number => e >> 3

export const walAt = (side: Side): number => WAL + side * WAL_CAPACITY
export const head = (s: State, side: Side): number => s[walAt(side)]!

/** Appends to the WAL as the slot will decode it: nothing is kept for a slot that is not there. */
export function append(s: State, side: Side, e: number): void {
  if (!hasSlot(s, side)) return
  const start = walAt(side)
  for (let i = start; i < start + WAL_CAPACITY; i += 1) {
    if (s[i] === 0) {
      s[i] = e
      return
    }
  }
  throw new Error(`the model's WAL holds ${WAL_CAPACITY} events: raise WAL_CAPACITY`)
}

/** Moves the durable position over the first event. */
export function advance(s: State, side: Side): void {
  const start = walAt(side)
  s.copyWithin(start, start + 1, start + WAL_CAPACITY)
  s[start + WAL_CAPACITY - 1] = 0
}
