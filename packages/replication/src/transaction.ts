import type { Flow } from './flow.ts'
import { NetTable } from './net.ts'
import type { PendingChunk } from './pending-chunk.ts'
import type { Change } from './pgoutput.ts'

export interface Beat {
  /** The link that emitted it. */
  readonly link: string
  /** That engine's clock, ms. */
  readonly at: number
}

/** One transaction of the stream, as far as it was decoded. */
export class Transaction {
  readonly xid: number
  /** Applied by our counterpart: what it did is not written back. */
  tagged = false
  /** Changes not yet taken by the applier. */
  changes: Change[] = []
  bytes = 0
  readonly barriers: string[] = []
  readonly beats: Beat[] = []
  readonly probes: string[] = []
  /** A chunk whose watermark this is. */
  chunk: PendingChunk | null = null
  /** Where its commit ends; null until that was decoded. */
  end: bigint | null = null

  constructor(xid: number) {
    this.xid = xid
  }
}

/** A transaction that is not complete at this size is applied in pieces. */
export const LARGE_BYTES = 4 * 1024 * 1024
/** What is applied as one transaction. Enough that a commit's cost is spread, little enough that it takes ms. */
export const BATCH_BYTES = 2 * 1024 * 1024
const BATCH_CHANGES = 2_000
const BATCH_TRANSACTIONS = 2_000

/**
 * Complete transactions that are applied as one. Their net effect is kept up while they are decoded:
 * that is when the side written is still busy with the batch before.
 */
export class Batch {
  readonly transactions: Transaction[] = []
  readonly nets: Nets = new Map()
  bytes = 0
  #changes = 0

  add(transaction: Transaction): void {
    this.transactions.push(transaction)
    this.bytes += transaction.bytes
    this.#changes += transaction.changes.length
    addTo(this.nets, transaction.changes, transaction.xid)
  }

  get last(): Transaction {
    return this.transactions.at(-1)!
  }

  /** Whether this complete transaction may be applied with those before it. */
  takes(transaction: Transaction): boolean {
    return (
      this.bytes < BATCH_BYTES &&
      this.#changes < BATCH_CHANGES &&
      this.transactions.length < BATCH_TRANSACTIONS &&
      // A chunk is merged behind everything before its watermark and before anything after it.
      this.last.chunk === null &&
      transaction.bytes <= LARGE_BYTES
    )
  }
}

/** The net effect of changes, table by table. */
export type Nets = Map<Flow, NetTable>

export function addTo(nets: Nets, changes: readonly Change[], xid: number): void {
  for (const change of changes) {
    let net = nets.get(change.flow)
    if (!net) {
      net = new NetTable(change.flow)
      nets.set(change.flow, net)
    }
    net.add(change, xid)
  }
}
