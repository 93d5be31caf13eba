/**
 * How far one run of the model goes. Each is a budget of something that happens, not a size of
 * something that is kept: with a budget of 0 the thing does not happen in that scenario.
 */
export interface Bounds {
  /** Bucket groups moved apart from each other (1 or 2). */
  groups: 1 | 2
  /** Gateways that serve reads and take holds (0 to 2). */
  gateways: 0 | 1 | 2
  /** Writes that clients and stray writers commit (at most 4). */
  writes: number
  /** Client transactions open at the same time (1 or 2). */
  clients: 1 | 2
  /** Handovers begun, back and forth. */
  handovers: number
  /** Attempts given up before `give` (hold or drain out of budget). */
  aborts: number
  /** Engine crashes, pauses outlasting a takeover, and replies lost, together. */
  faults: number
  /** Gateway leases that end. */
  leases: number
  /** Batches an applier holds while other things go on. */
  batches: number
  /** Chunks copied again, from either side. */
  repairs: number
  /** The target begins empty and is filled by copy chunks while the stream runs. */
  copy: boolean
  /** Client transactions read first and write later. */
  transactions: boolean
  /** Rows draw ids from a sequence. */
  sequences: boolean
}

export interface Scenario {
  name: string
  bounds: Bounds
}

const NOTHING: Bounds = {
  groups: 1,
  gateways: 0,
  writes: 0,
  clients: 1,
  handovers: 0,
  aborts: 0,
  faults: 0,
  leases: 0,
  batches: 0,
  repairs: 0,
  copy: false,
  transactions: false,
  sequences: false,
}

export const bounds = (some: Partial<Bounds>): Bounds => ({ ...NOTHING, ...some })
