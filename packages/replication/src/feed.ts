import { FatalProblem } from './failures.ts'
import type { Flow } from './flow.ts'
import type { PendingChunk } from './pending-chunk.ts'
import { type Change, PgOutput, type StreamMessage } from './pgoutput.ts'
import { Queue } from './queue.ts'
import { type StreamName, streamObjectName } from './side.ts'
import { BATCH_BYTES, Batch, LARGE_BYTES, Transaction } from './transaction.ts'

/** Prefixes of the logical messages we emit; all but the barrier's are emitted by links. */
export const MESSAGES = {
  barrier: 'banyan.barrier',
  beat: 'banyan.beat',
  probe: 'banyan.probe',
  chunk: 'banyan.chunk',
} as const

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
const QUEUE_LIMIT_BYTES = 8 * 1024 * 1024

/** Puts decoded messages together to transactions, and hands them out in commit order. */
export class Feed {
  readonly #decoder: PgOutput
  /** For tables that several flows read: each decodes for one more of them. */
  readonly #further: readonly PgOutput[]
  readonly #extraction: string
  readonly #counterpart: string
  readonly #listener: FeedListener
  readonly #queue = new Queue<Batch>()
  /** The last in the queue. */
  #tail: Batch | null = null
  /** Applied in pieces while it is decoded; never in the queue. */
  #large: Transaction | null = null
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
    const [first, ...further] = layersOf(flows)
    this.#decoder = new PgOutput(first ?? [])
    this.#further = further.map((layer) => new PgOutput(layer))
    this.#extraction = extraction
    this.#counterpart = streamObjectName(extraction, stream === 'forward' ? 'reverse' : 'forward')
    this.#skipTo = position
    this.#listener = listener
  }

  get queuedBytes(): number {
    return this.#queued
  }

  /** A message of pgoutput, from `start` to `end`; read at once. */
  push(buffer: Buffer, start: number, end: number): void {
    if (this.#failure) return
    const message = this.#decoder.decode(buffer, start)
    if (message !== null) this.#take(message, end - start)
    for (const decoder of this.#further) {
      const again = decoder.decode(buffer, start)
      if (again?.tag === 'change') this.#change(again, end - start)
    }
  }

  #take(message: StreamMessage, bytes: number): void {
    switch (message.tag) {
      case 'begin':
        this.#current = new Transaction(message.xid)
        // Applied before the stream began again. (COMMIT's end is the next one's first byte.)
        this.#skipping = message.final < this.#skipTo
        this.#listener.begin(message.xid)
        break
      case 'origin':
        this.#current!.tagged = message.name === this.#counterpart
        break
      case 'change':
        this.#change(message, bytes)
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
   * What is to be applied next, out of the queue: complete transactions, or a single large one that is
   * not complete (its `end` is null), whose changes are to be taken with `more`.
   *
   * @throws what ended the stream, once nothing complete is left.
   */
  async take(): Promise<Batch | Transaction> {
    for (;;) {
      const batch = this.#queue.first
      if (batch) {
        this.#queue.shift()
        if (batch === this.#tail) this.#tail = null
        return batch
      }
      const current = this.#current
      if (current && current.bytes > LARGE_BYTES && !this.#failure) {
        this.#large = current
        return current
      }
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

  /** This much has been applied. */
  release(bytes: number): void {
    this.#queued -= bytes
    if (this.#paused && this.#queued < QUEUE_LIMIT_BYTES / 2) {
      this.#paused = false
      this.#listener.resume()
    }
  }

  #change(change: Change, bytes: number): void {
    const current = this.#current!
    this.#listener.change(current.xid, change, current.tagged)
    if (current.tagged || this.#skipping) return
    current.changes.push(change)
    // What a change weighs in memory: its text, and objects around it.
    const weight = bytes + 300
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
    if (current === this.#large) this.#large = null
    else this.#enqueue(current)
    this.#wakeUp()
  }

  #enqueue(transaction: Transaction): void {
    if (!this.#tail?.takes(transaction)) {
      this.#tail = new Batch()
      this.#queue.push(this.#tail)
    }
    this.#tail.add(transaction)
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

/** The flows divided so that each of the groups reads a table at most once. */
function layersOf(flows: readonly Flow[]): Flow[][] {
  const layers: Flow[][] = []
  for (const flow of flows) {
    const free = layers.find((layer) => layer.every((other) => other.from.oid !== flow.from.oid))
    if (free) free.push(flow)
    else layers.push([flow])
  }
  return layers
}
