import type { IdentityKeys, ShadowStats } from '@banyan/contracts'
import type { Call } from './call.ts'
import type { ComparedAnswer, Difference } from './json-difference.ts'
import type { ShadowLimits } from './options.ts'
import type { ResponseHead } from './response-head.ts'
import { type CompiledTable, type Side, sideOf } from './route-table.ts'
import type { Placement } from './routing.ts'
import { Comparison, type Verdict } from './shadow-comparison.ts'
import { LearnedNoise } from './shadow-noise.ts'
import { decoded, ShadowRead } from './shadow-read.ts'

/** Different places kept per extraction; 50 are told. */
const PLACES = 1_000
const TOLD = 50
/** Routes whose noise is kept, per extraction. */
const ROUTES = 1_000

export interface ShadowOptions extends ShadowLimits {
  readonly table: () => CompiledTable | null
  readonly identityKey: IdentityKeys
  readonly timeoutMs: number
  /** 0 to 1, to sample by. */
  readonly random: () => number
}

/** The owner's answer to a sampled read, noted as it passes to the client. */
export class Capture {
  readonly read: ShadowRead
  readonly chunks: Buffer[] = []
  bytes = 0
  readonly #limit: number

  constructor(read: ShadowRead, limit: number) {
    this.read = read
    this.#limit = limit
  }

  get tooLarge(): boolean {
    return this.bytes > this.#limit
  }

  add(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.tooLarge) this.chunks.length = 0
    else this.chunks.push(chunk)
  }
}

interface Job {
  readonly read: ShadowRead
  readonly bytes: number
  /** The owner's answer to the client, and how it is coded; null once it was compared. */
  first: { answer: ComparedAnswer; encoding: string } | null
  /** How often it was asked again. */
  again: number
  readonly comparison: Comparison
}

class Counters {
  compared = 0
  differing = 0
  dropped = 0
  readonly places = new Map<string, { count: number; example: Example }>()
  readonly #noise = new Map<string, LearnedNoise>()

  /** What is known of the answers of one route's owner. */
  noiseOf(route: string): LearnedNoise {
    let learned = this.#noise.get(route)
    if (!learned) {
      learned = new LearnedNoise()
      if (this.#noise.size < ROUTES) this.#noise.set(route, learned)
    }
    return learned
  }
}

type Example = ShadowStats['differences'][number]['example']

/**
 * Copies reads to the side that does not own them, off the clients' path, and compares the answers. Bounded
 * everywhere: what it cannot keep up with is dropped and counted.
 */
export class Shadow {
  readonly #options: ShadowOptions
  readonly #counters = new Map<string, Counters>()
  readonly #queue: Job[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Jobs not done: queued, asked now, or waiting to be asked again. */
  #open = 0
  #openBytes = 0
  #running = 0
  #closed = false

  constructor(options: ShadowOptions) {
    this.#options = options
  }

  /** Begins to note a call's answer, when it is sampled. */
  capture(call: Call, placement: Placement): Capture | null {
    const { shadow } = placement.route.extraction
    if (!shadow || call.method !== 'GET' || placement.route.write || call.socket) return null
    if (this.#options.random() * 100 >= shadow.percent) return null
    // Before anything is kept for it: a side that hangs must cost the clients nothing.
    if (this.#open >= this.#options.queued) {
      this.#of(placement.route.extraction.name).dropped++
      return null
    }
    return new Capture(new ShadowRead(call, placement), this.#options.answerBytes)
  }

  /** The owner has answered a captured call: queues the comparison. */
  offer(capture: Capture, status: number, head: ResponseHead): void {
    // Nothing to compare: no body to this client, or only a part, or one that never ends.
    if (status === 304 || status === 206 || head.contentType === 'text/event-stream') return
    const { queued, queuedBytes } = this.#options
    const counters = this.#of(capture.read.placement.route.extraction.name)
    const full = this.#open >= queued || this.#openBytes + capture.bytes > queuedBytes
    if (this.#closed || status >= 500 || capture.tooLarge || full) {
      counters.dropped++
      return
    }
    this.#open++
    this.#openBytes += capture.bytes
    const body = capture.chunks.length === 1 ? capture.chunks[0]! : Buffer.concat(capture.chunks)
    const { route, side } = capture.read.placement
    const learned = counters.noiseOf(`${side} ${route.label}`)
    const ignore = route.extraction.shadow?.ignore ?? []
    this.#queue.push({
      read: capture.read,
      bytes: capture.bytes,
      first: {
        answer: { status, contentType: head.contentType, body },
        encoding: head.contentEncoding,
      },
      again: 0,
      comparison: new Comparison(ignore, learned, this.#options.againMs.length),
    })
    // Not within the client's turn: comparing may take milliseconds.
    setImmediate(() => this.#pump())
  }

  read(extraction: string): ShadowStats {
    const { compared, differing, dropped, places } = this.#of(extraction)
    const newest = [...places].sort(([, a], [, b]) => b.count - a.count).slice(0, TOLD)
    const told = newest.map(([path, { count, example }]) => ({ path, count, example }))
    return { compared, differing, dropped, differences: told }
  }

  close(): void {
    this.#closed = true
    this.#queue.length = 0
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency) {
      const job = this.#queue.shift()
      if (!job) return
      this.#running++
      this.#work(job)
        .catch(() => 'dropped' as const)
        .then((result) => {
          this.#running--
          if (result === 'again') this.#later(job)
          else this.#done(job, result)
          this.#pump()
        })
    }
  }

  /** Asks the sides as often as the comparison wants it. */
  async #work(job: Job): Promise<'again' | 'dropped' | readonly Difference[]> {
    const { side } = job.read.placement
    const table = this.#options.table()
    if (!table || !this.#stillOwns(job, table)) return 'dropped'
    const otherSide: Side = side === 'target' ? 'source' : 'target'
    const ask = (at: Side) =>
      job.read.ask(at, table, { ...this.#options, limit: this.#options.answerBytes })
    let verdict: Verdict
    if (job.first) {
      const { answer, encoding } = job.first
      job.first = null
      const body = await decoded(answer.body, encoding, this.#options.answerBytes)
      verdict = job.comparison.first({ ...answer, body }, await ask(otherSide))
    } else {
      const before = await ask(side)
      const other = await ask(otherSide)
      verdict = job.comparison.again(before, other, await ask(side))
    }
    const now = this.#options.table()
    if (!now || !this.#stillOwns(job, now)) return 'dropped'
    return verdict === 'unsteady' ? 'dropped' : verdict
  }

  /** The bucket may have been handed over while the job waited: then the sides' parts are swapped. */
  #stillOwns(job: Job, table: CompiledTable): boolean {
    const { route, bucket, side } = job.read.placement
    const extraction = table.extractions.find((one) => one.name === route.extraction.name)
    return extraction !== undefined && sideOf(extraction, bucket) === side
  }

  #later(job: Job): void {
    const { againMs } = this.#options
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        this.#queue.unshift(job)
        this.#pump()
      },
      againMs[Math.min(job.again++, againMs.length - 1)],
    )
    this.#timers.add(timer)
  }

  #done(job: Job, result: 'dropped' | readonly Difference[]): void {
    this.#open--
    this.#openBytes -= job.bytes
    const counters = this.#of(job.read.placement.route.extraction.name)
    if (result === 'dropped') {
      counters.dropped++
      return
    }
    counters.compared++
    if (result.length > 0) counters.differing++
    for (const { path, owner, other } of result) {
      const place = counters.places.get(path)
      if (place) place.count++
      else if (counters.places.size < PLACES) {
        const example = { request: job.read.label, owner, other }
        counters.places.set(path, { count: 1, example })
      }
    }
  }

  #of(extraction: string): Counters {
    let counters = this.#counters.get(extraction)
    if (!counters) {
      counters = new Counters()
      this.#counters.set(extraction, counters)
    }
    return counters
  }
}
