import { type CacheSetting, CORRELATION_HEADER } from '@banyan/contracts'
import type { Call } from '../call.ts'
import type { Caller } from '../caller.ts'
import type { ResponseHead } from '../response-head.ts'
import { type CompiledTable, sideOf } from '../route-table.ts'
import type { Placement } from '../routing.ts'
import { keyOf, variantOf } from './cache-key.ts'
import { type Freshness, freshnessOf, varyOf, wishOf } from './freshness.ts'
import { Shelf } from './shelf.ts'
import { Writers } from './writers.ts'

/** An answer that is given again. */
export interface KeptAnswer {
  /** Flat names and values, without Age. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** On the gateway's clock, ms: when it was made, and until when it is good. */
  readonly madeAt: number
  readonly goodUntil: number
  /** Names of fields that it depends on, and their values as `variantOf` tells them. */
  readonly vary: readonly string[]
  readonly variant: string | null
}

export interface CacheStats {
  readonly hits: number
  /** Reads that might have been answered, and were not. */
  readonly misses: number
  readonly stored: number
  /** Reads that were sent on unlooked at, since the user, or his rows, were being written. */
  readonly passed: number
  /** Answers dropped, and why: a write, another table or the lease, no room, too old. */
  readonly dropped: Readonly<Record<Drop, number>>
  readonly answers: number
  readonly bytes: number
}

export type Drop = 'write' | 'table' | 'room' | 'age'

export interface AnswerCacheOptions extends Required<CacheSetting> {
  /** ms on a monotonic clock. */
  readonly now: () => number
}

/**
 * Answers to reads, kept for the user who asked, on routes that want it. What is kept of a user or of rows is dropped when they are
 * written through this gateway, and when anything may have moved.
 */
export class AnswerCache {
  readonly #options: AnswerCacheOptions
  readonly #shelf: Shelf
  readonly #writers: Writers
  #counts = { hits: 0, misses: 0, stored: 0, passed: 0 }
  #table: CompiledTable | null = null

  constructor(options: AnswerCacheOptions) {
    this.#options = options
    this.#shelf = new Shelf(options)
    this.#writers = new Writers(options.now)
  }

  /**
   * Looks for the answer to a read that was placed.
   *
   * @returns a claim where there is none, by which the answer that comes may be kept; null where none may.
   */
  look(call: Call, placement: Placement): KeptAnswer | Claim | null {
    const { route, side, bucket } = placement
    const { credentials, head } = call
    if (!route.cache || route.write || call.method !== 'GET' || call.socket) return null
    // Nobody's answers are everybody's: nothing would keep one from poisoning another's.
    if (credentials?.state !== 'valid') return null
    // Sent to the other side, since this one said that it does not own the rows: the table is about to change.
    if (sideOf(route.extraction, bucket) !== side) return null
    const wish = wishOf(head)
    if (wish === 'none') return null
    const user = credentials.caller.identity.userId
    const rows = rowsOf(route.extraction.name, bucket)
    if (this.#writers.isWriting(user, rows)) {
      this.#counts.passed++
      return null
    }
    const key = keyOf(call, credentials.caller, placement)
    const entry = this.#shelf.get(key)
    if (entry) {
      const { answer } = entry
      // Another request waits for it; what it will be told is none of this one's business.
      if (!answer) {
        this.#counts.misses++
        return null
      }
      if (this.#options.now() >= answer.goodUntil) this.#shelf.drop(entry, 'age')
      else if (wish === 'kept' && variantOf(call, answer.vary) === answer.variant) {
        this.#counts.hits++
        return answer
      } else this.#shelf.drop(entry, 'age')
    }
    this.#counts.misses++
    return new Claim(this.#shelf, call, placement, {
      key,
      user,
      rows,
      now: this.#options.now,
      answerBytes: this.#options.answerBytes,
      onStored: () => this.#counts.stored++,
    })
  }

  /**
   * A user writes: what is kept of him, and of the rows, goes; until the write is over, nothing of either is kept.
   *
   * @param placement null for what matched no route.
   * @returns to be called when it is over; `sure` when it was answered.
   */
  write(caller: Caller | null, placement: Placement | null): (sure: boolean) => void {
    const user = caller?.identity.userId ?? null
    const rows = placement && rowsOf(placement.route.extraction.name, placement.bucket)
    if (user !== null) this.#shelf.dropUser(user)
    if (rows !== null) this.#shelf.dropRows(rows)
    return this.#writers.begin(user, rows)
  }

  /** A table is taken over. Where anything of an extraction is another, what is kept of it goes. */
  review(table: CompiledTable): void {
    const before = this.#table?.table
    this.#table = table
    const { token, version, monolith, extractions } = table.table
    const follows = before?.token === token && version - before.version <= 1
    // One was missed: something may have moved there and back.
    if (!follows || before.monolith !== monolith) {
      this.#shelf.dropAll()
      return
    }
    const known = new Map(before.extractions.map((one) => [one.extraction, JSON.stringify(one)]))
    for (const one of extractions) {
      if (known.get(one.extraction) === JSON.stringify(one)) known.delete(one.extraction)
    }
    for (const gone of known.keys()) this.#shelf.dropExtraction(gone)
  }

  /** The lease is lost, or the gateway closes. */
  clear(): void {
    this.#shelf.dropAll()
  }

  get stats(): CacheStats {
    const { dropped, answers, bytes } = this.#shelf
    return { ...this.#counts, dropped: { ...dropped }, answers, bytes }
  }

  /** Whether any route of the table wants its answers kept. */
  get isOn(): boolean {
    return this.#table?.caches ?? false
  }
}

interface ClaimOptions {
  readonly key: string
  readonly user: string
  readonly rows: string
  readonly now: () => number
  readonly answerBytes: number
  readonly onStored: () => void
}

/**
 * A place on the shelf for an answer that is on its way. A write, a change of the table or want of room takes it away; then what comes is
 * not kept (Facebook's "lease" of 2013: who loads old rows while another writes them must not keep them).
 */
export class Claim {
  readonly #shelf: Shelf
  readonly #call: Call
  readonly #placement: Placement
  readonly #options: ClaimOptions
  readonly #entry: ReturnType<Shelf['claim']>
  readonly #askedAt: number
  #chunks: Buffer[] = []
  #bytes = 0
  #headers: readonly string[] = []
  #freshness: Freshness | null = null

  constructor(shelf: Shelf, call: Call, placement: Placement, options: ClaimOptions) {
    this.#shelf = shelf
    this.#call = call
    this.#placement = placement
    this.#options = options
    this.#askedAt = options.now()
    const { key, user, rows } = options
    this.#entry = shelf.claim(key, user, rows, placement.route.extraction.name)
  }

  /** The answer's head has come. */
  answering(status: number, head: ResponseHead): void {
    this.#freshness = freshnessOf(status, head, this.#placement.route.cache?.seconds)
    if (!this.#freshness || head.contentLength > this.#options.answerBytes) {
      this.end()
      return
    }
    this.#headers = withoutOwn(head.headers)
  }

  add(chunk: Buffer): void {
    if (!this.#shelf.has(this.#entry)) return
    this.#bytes += chunk.length
    if (this.#bytes > this.#options.answerBytes || !this.#freshness) {
      this.end()
      return
    }
    // A copy of its own: a piece is a part of a larger buffer, which would be kept whole.
    this.#chunks.push(copyOf([chunk]))
    this.#shelf.grow(this.#entry, chunk.length)
  }

  /** All of the answer has come. */
  whole(): void {
    const freshness = this.#freshness
    if (!freshness || !this.#shelf.has(this.#entry)) {
      this.end()
      return
    }
    const madeAt = this.#askedAt - freshness.ageMs
    const vary = varyOf(this.#headers)
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : copyOf(this.#chunks)
    const answer: KeptAnswer = {
      headers: [...this.#headers, 'content-length', String(body.length)],
      body,
      madeAt,
      goodUntil: madeAt + freshness.lifeMs,
      vary,
      variant: variantOf(this.#call, vary),
    }
    this.#chunks = []
    this.#shelf.keep(this.#entry, answer)
    this.#options.onStored()
  }

  /** Nothing more will come of it; what was kept stays. */
  end(): void {
    this.#chunks = []
    this.#freshness = null
    this.#shelf.giveUp(this.#entry)
  }
}

function rowsOf(extraction: string, bucket: number): string {
  return `${bucket} ${extraction}`
}

/** Made for each answer that is sent; and what says of trailers, which are not kept. */
const OWN = new Set(['age', 'content-length', 'trailer', CORRELATION_HEADER])

/** An answer's headers but for those that are made for each one that is sent. */
function withoutOwn(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!OWN.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}

function copyOf(chunks: readonly Buffer[]): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) at += chunk.copy(copy, at)
  return copy
}
