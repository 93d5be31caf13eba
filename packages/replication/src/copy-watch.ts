import { Interrupted } from './failures.ts'
import type { Flow } from './flow.ts'
import { PendingChunk } from './pending-chunk.ts'
import type { Change } from './pgoutput.ts'
import type { Visibility } from './visibility.ts'

interface Decoded {
  /** When its BEGIN was decoded, in order of decoding. */
  readonly at: number
  readonly flows: Set<Flow>
}

/** A chunk whose window is open, and when its rows are committed on the other side. */
export interface Watched {
  readonly chunk: PendingChunk
  readonly merged: Promise<number>
  /** Transactions decoded before this do not reach the chunk by folding. */
  readonly openedAt: number
}

/**
 * Stands between the stream and the copy: hands each decoded change to the chunks that are pending,
 * and remembers which transactions were decoded without being known to be visible yet.
 */
export class CopyWatch {
  readonly #pending = new Map<string, { chunk: PendingChunk; settle: Settle }>()
  readonly #decoded = new Map<number, Decoded>()
  #clock = 0
  #begun = 0
  #next = 0
  #live = false
  readonly #prefix: string

  /** @param link makes chunk ids unlike those of any other link. */
  constructor(link: string) {
    this.#prefix = link
  }

  /** The stream runs: watermarks will come by. */
  resume(): void {
    this.#live = true
  }

  /** @throws Interrupted while no stream runs: the chunk's watermark would never come by. */
  open(flow: Flow): Watched {
    if (!this.#live) throw new Interrupted('no stream runs that would bring the watermark')
    const chunk = new PendingChunk(flow, `${this.#prefix}/${this.#next++}`)
    let settle: Settle
    const merged = new Promise<number>((resolve, reject) => {
      settle = { resolve, reject }
    })
    // Whoever waits learns of it; nobody may be waiting yet.
    merged.catch(() => {})
    this.#pending.set(chunk.id, { chunk, settle: settle! })
    return { chunk, merged, openedAt: this.#clock }
  }

  /** Gives a chunk up: its rows will not be merged. */
  discard(chunk: PendingChunk): void {
    this.#pending.delete(chunk.id)
  }

  begin(): void {
    this.#begun = this.#clock++
  }

  change(xid: number, change: Change, tagged: boolean): void {
    let decoded = this.#decoded.get(xid)
    if (!decoded) {
      decoded = { at: this.#begun, flows: new Set() }
      this.#decoded.set(xid, decoded)
    }
    decoded.flows.add(change.flow)
    for (const { chunk } of this.#pending.values()) {
      if (chunk.open && chunk.flow === change.flow) chunk.fold(xid, change, tagged)
    }
  }

  /** The watermark came by: from now on changes are applied behind the chunk. */
  watermark(id: string): PendingChunk | null {
    const pending = this.#pending.get(id)
    if (!pending) return null
    pending.chunk.open = false
    return pending.chunk
  }

  merged(chunk: PendingChunk, rows: number): void {
    this.#pending.get(chunk.id)?.settle.resolve(rows)
    this.#pending.delete(chunk.id)
  }

  /** Transactions on this table, decoded before the window opened, that the snapshot does not see. */
  unseen(watched: Watched, snapshot: Visibility): number[] {
    const unseen: number[] = []
    for (const [xid, decoded] of this.#decoded) {
      if (decoded.at >= watched.openedAt || !decoded.flows.has(watched.chunk.flow)) continue
      if (!snapshot.sees(xid)) unseen.push(xid)
    }
    return unseen
  }

  hasDecoded(xid: number): boolean {
    return this.#decoded.has(xid)
  }

  /** Every later snapshot sees what this one saw. */
  prune(snapshot: Visibility): void {
    for (const xid of this.#decoded.keys()) if (snapshot.sees(xid)) this.#decoded.delete(xid)
  }

  /** The stream begins again at an older position: what was folded would be folded twice. */
  interrupt(): void {
    this.#live = false
    for (const { settle } of this.#pending.values()) {
      settle.reject(new Interrupted('the stream was interrupted while a chunk was pending'))
    }
    this.#pending.clear()
  }
}

interface Settle {
  resolve(rows: number): void
  reject(error: Error): void
}
