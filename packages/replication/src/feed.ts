import { FatalProblem } from './failures.ts'
import type { Flow } from './flow.ts'
import type { PendingChunk } from './pending-chunk.ts'
import { type Change, PgOutput } from './pgoutput.ts'
import { Queue } from './queue.ts'
import { type StreamName, streamObjectName } from './side.ts'

/** Prefixes of the logical messages we emit; all but the barrier's are emitted by links. */
export const MESSAGES = {
  barrier: 'banyan.barrier',
  beat: 'banyan.beat',
  probe: 'banyan.probe',
  chunk: 'banyan.chunk',
} as const

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

export interface Beat {
  /** The link that emitted it. */
  readonly link: string
  /** That engine's clock, ms. */
  readonly at: number
}

/** Who is told what is decoded, while it is decoded. */
export interface FeedListener {
  begin(xid: number): void
  change(xid: number, change: Change, tagged: boolean): void
  /** The chunk whose watermark came by; null when it is not one of ours. */
  watermark(id: string): PendingChunk | null
  pause(): void
  resume(): void
}

/** Past this much decoded and not yet applied, the socket is left unread. */
const QUEUE_LIMIT_BYTES = 16 * 1024 * 1024
/** A transaction that is not complete at this size is applied in pieces. */
const LARGE_BYTES = 8 * 1024 * 1024
/** What is applied as one transaction. Enough that a commit's cost is spread, little enough that it takes ms. */
const BATCH_BYTES = 4 * 1024 * 1024
const BATCH_CHANGES = 5_000
const BATCH_TRANSACTIONS = 5_000

/** Puts decoded messages together to transactions, and hands them out in commit order. */
export class Feed {
  readonly #decoder: PgOutput
  readonly #extraction: string
  readonly #counterpart: string
  readonly #listener: FeedListener
  readonly #queue = new Queue<Transaction>()
  #current: Transaction | null = null
  readonly #skipTo: bigint
  #skipping = false
  #queued = 0
  #paused = false
  #failure: Error | null = null
  #wake: (() => void) | null = null

  /** @param position transactions that end at or before it were applied already. */
  constructor(
    flows: readonly Flow[],
    extraction: string,
    stream: StreamName,
    position: bigint,
    listener: FeedListener,
  ) {
    this.#decoder = new PgOutput(flows)
    this.#extraction = extraction
    this.#counterpart = streamObjectName(extraction, stream === 'forward' ? 'reverse' : 'forward')
    this.#skipTo = position
    this.#listener = listener
  }

  get queuedBytes(): number {
    return this.#queued
  }

  push(buffer: Buffer): void {
    if (this.#failure) return
    const message = this.#decoder.decode(buffer)
    if (message === null) return
    switch (message.tag) {
      case 'begin':
        this.#current = new Transaction(message.xid)
        // Applied before the stream began again. (COMMIT's end is the next one's first byte.)
        this.#skipping = message.final < this.#skipTo
        if (!this.#skipping) this.#queue.push(this.#current)
        this.#listener.begin(message.xid)
        break
      case 'origin':
        this.#current!.tagged = message.name === this.#counterpart
        break
      case 'change':
        this.#change(message.change, buffer.length)
        break
      case 'message':
        this.#message(message.prefix, message.content)
        break
      case 'commit':
        this.#commit(message.end)
        break
      case 'truncate':
        this.#abandon('truncate', `${message.tables.join(', ')} was truncated on the side read`)
        break
      case 'relation':
        this.#abandon('ddl', `table ${message.flow.name} changed: ${message.difference}`)
        break
    }
  }

  /** No more will come; what is complete is still handed out. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#wakeUp()
  }

  /**
   * The next transactions: one or more complete ones, or a single large one that is not complete
   * (its `end` is null) and stays first in the queue until `finished`.
   *
   * @throws what ended the stream, once nothing complete is left.
   */
  async take(): Promise<Transaction[]> {
    for (;;) {
      const batch = this.#complete()
      if (batch.length > 0) return batch
      const first = this.#queue.first
      if (first && first.bytes > LARGE_BYTES && !this.#failure) return [first]
      if (this.#failure) throw this.#failure
      await this.#woken()
    }
  }

  /** Takes the next piece of a large transaction; waits for one. Its bytes are for `release`. */
  async more(transaction: Transaction): Promise<{ changes: Change[]; bytes: number }> {
    while (transaction.changes.length === 0 && transaction.end === null) {
      if (this.#failure) throw this.#failure
      await this.#woken()
    }
    const share = Math.min(1, BATCH_BYTES / Math.max(1, transaction.bytes))
    const changes = transaction.changes.splice(0, Math.ceil(transaction.changes.length * share))
    const bytes = Math.ceil(transaction.bytes * share)
    transaction.bytes -= bytes
    return { changes, bytes }
  }

  /** Takes a large transaction out of the queue. */
  finished(transaction: Transaction): void {
    if (this.#queue.first === transaction) this.#queue.shift()
  }

  /** This much has been applied. */
  release(bytes: number): void {
    this.#queued -= bytes
    if (this.#paused && this.#queued < QUEUE_LIMIT_BYTES / 2) {
      this.#paused = false
      this.#listener.resume()
    }
  }

  #complete(): Transaction[] {
    const batch: Transaction[] = []
    let bytes = 0
    let changes = 0
    while (bytes < BATCH_BYTES && changes < BATCH_CHANGES && batch.length < BATCH_TRANSACTIONS) {
      const next = this.#queue.first
      if (!next || next.end === null) break
      // One that came whole but is large goes alone, in pieces.
      if (next.bytes > LARGE_BYTES && batch.length > 0) break
      batch.push(next)
      this.#queue.shift()
      bytes += next.bytes
      changes += next.changes.length
      // A chunk is merged behind everything before its watermark and before anything after it.
      if (next.chunk) break
    }
    return batch
  }

  #change(change: Change, bytes: number): void {
    const current = this.#current!
    this.#listener.change(current.xid, change, current.tagged)
    if (current.tagged || this.#skipping) return
    current.changes.push(change)
    // What a change weighs in memory: its text, and objects around it.
    const weight = bytes + 200
    current.bytes += weight
    this.#queued += weight
    if (this.#queued > QUEUE_LIMIT_BYTES && !this.#paused) {
      this.#paused = true
      this.#listener.pause()
    }
    if (this.#wake && current.bytes > LARGE_BYTES) this.#wakeUp()
  }

  #message(prefix: string, content: string): void {
    const current = this.#current
    // Messages outside a transaction carry no place in the order of commits: none is ours.
    if (!current || current.tagged || this.#skipping || !prefix.startsWith('banyan.')) return
    const body = JSON.parse(content) as Record<string, unknown>
    if (body.extraction !== this.#extraction) return
    if (prefix === MESSAGES.barrier) current.barriers.push(String(body.barrier))
    else if (prefix === MESSAGES.probe) current.probes.push(String(body.probe))
    else if (prefix === MESSAGES.chunk) {
      current.chunk = this.#listener.watermark(String(body.chunk))
    } else if (prefix === MESSAGES.beat) {
      current.beats.push({ link: String(body.link), at: Number(body.at) })
    }
  }

  #commit(end: bigint): void {
    const current = this.#current!
    this.#current = null
    if (this.#skipping) return
    current.end = end
    this.#wakeUp()
  }

  #abandon(kind: 'truncate' | 'ddl', message: string): void {
    if (this.#current?.tagged) return
    this.fail(new FatalProblem(kind, message))
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = null
  }
}
