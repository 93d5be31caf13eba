import { setTimeout as delay } from 'node:timers/promises'
import { BucketSet } from '@banyan/contracts'
import { differences } from './differences.ts'
import { Pace } from './pace.ts'
import { type PassResult, runPass } from './pass.ts'
import { Progress } from './progress.ts'
import type { ObjectRecord, ObjectRecords } from './records.ts'
import type { ObjectSide, SideName } from './side.ts'
import { NOTHING_VERIFIED, type ObjectsVerified, verifySome } from './verify.ts'

/** Between two looks while everything is in step, ms; longer where a look takes long. */
const REST_MS = 200
/** A quarter of the time at most is spent looking. */
const REST_SHARE = 3
/** After a look that failed, ms, more each time. */
const RETRY_MS = { least: 250, most: 30_000 }
const SIDES: readonly SideName[] = ['source', 'target']

/** A comparison of all, as far as it has come. */
interface Comparison {
  readonly sum: ObjectsVerified
  readonly after: string
  readonly directions: readonly SideName[]
}

export interface FollowerOptions {
  readonly sides: Readonly<Record<SideName, ObjectSide>>
  readonly records: ObjectRecords
  /** Throws where another process follows these objects by now. */
  stillOurs(): Promise<void>
  /** Bytes copied a second at most; Infinity for no limit, 0 stands still. Asked again and again. */
  bytesPerSecond(): number
  /** See `PassOptions`; 0.5 by default. */
  readonly mostGoneShare?: number
}

export interface FollowerStatus {
  /** `copying`: not everything has been seen in step yet; `failing`: the newest look could not do all. */
  readonly state: 'stopped' | 'copying' | 'in step' | 'failing'
  /** Why, where it is failing. */
  readonly why: string | null
  /** The same on both sides. */
  readonly objects: number
  readonly bytes: number
  /** Known to be copied still. */
  readonly left: { readonly objects: number; readonly bytes: number }
  readonly bytesPerSecond: number
  readonly etaMs: number | null
  /** Everything that was so long ago on its owner's side is on the other; null before the first time. */
  readonly lagMs: number | null
  readonly problems: number
  /** The newest comparison of all; null before its end. */
  readonly verified: (ObjectsVerified & { readonly at: string }) | null
  /** Compared so far, while one goes on. */
  readonly comparing: number | null
}

/**
 * Keeps objects the same on two sides, from the one that owns them to the other, bucket by bucket: copies
 * what there is, then follows what is new, replaced and deleted. What it knows is in the records, so that it
 * goes on where it was killed.
 */
export class Follower {
  readonly #options: FollowerOptions
  readonly #pace: Pace
  readonly #progress = new Progress()
  /** Of the target. */
  #owned = BucketSet.none
  #running: { abort: AbortController; done: Promise<void> } | null = null
  #comparison: Comparison | null = null
  #verified: FollowerStatus['verified'] = null
  #failures = 0
  #why: string | null = null
  #totals = { objects: 0, bytes: 0, problems: 0 }

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#pace = new Pace(options.bytesPerSecond)
  }

  /** Begins, or goes on. @param owned buckets of the target; everything else is the source's */
  start(owned: BucketSet): void {
    if (this.#running) return
    this.#owned = owned
    // Of other directions: from the beginning.
    if (this.#comparison) this.verify()
    const abort = new AbortController()
    this.#running = { abort, done: this.#run(abort.signal) }
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    const running = this.#running
    running?.abort.abort()
    await running?.done
    this.#running = null
  }

  async close(): Promise<void> {
    await this.stop()
    await Promise.all(SIDES.map((side) => this.#options.sides[side].close()))
  }

  status(): FollowerStatus {
    const { left, bytesPerSecond, etaMs, lagMs } = this.#progress.figures()
    const following = this.#why === null ? (lagMs === null ? 'copying' : 'in step') : 'failing'
    return {
      ...this.#totals,
      ...{ left, bytesPerSecond, etaMs, lagMs, why: this.#why, verified: this.#verified },
      state: this.#running ? following : 'stopped',
      comparing: this.#comparison?.sum.compared ?? null,
    }
  }

  /** Those that a side does not have or take, with why. */
  problems(limit = 100): Promise<readonly ObjectRecord[]> {
    return this.#options.records.problems(limit)
  }

  /**
   * One look at these buckets alone, while nobody writes them and this is stopped: afterwards the other side
   * has all of them.
   *
   * @param from the side that has owned them so far
   * @returns why not, or null
   */
  async settle(buckets: BucketSet, from: SideName, withinMs: number): Promise<string | null> {
    const signal = AbortSignal.timeout(Math.max(1, withinMs))
    try {
      const { failed, why } = await this.#pass(from, buckets, signal)
      this.#totals = await this.#options.records.totals()
      return failed === 0 ? null : `${failed} objects are not on the other side: ${why}`
    } catch (error) {
      if (!signal.aborted) throw error
      return `the objects could not be looked at within ${Math.round(withinMs)} ms`
    }
  }

  /** Begins to compare the content of every copy, beside what goes on; what differs is copied again. */
  verify(): void {
    this.#comparison = { sum: NOTHING_VERIFIED, after: '', directions: [...this.#directions()] }
    this.#verified = null
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = Date.now()
      let restMs = 0
      try {
        const clean = await this.#look(signal)
        this.#failures = clean ? 0 : this.#failures + 1
        restMs = clean ? Math.max(REST_MS, REST_SHARE * (Date.now() - began)) : this.#retryMs()
        await this.#compareSome(signal)
        if (this.#comparison) restMs = 0
      } catch (error) {
        if (signal.aborted) return
        this.#failures++
        this.#why = (error as Error).message
        restMs = this.#retryMs()
      }
      await delay(Math.min(RETRY_MS.most, restMs), undefined, { signal }).catch(() => {})
    }
  }

  async #compareSome(signal: AbortSignal): Promise<void> {
    const comparison = this.#comparison
    const from = comparison?.directions[0]
    if (!comparison || !from) return
    const options = { ...this.#copying(signal), from, owned: this.#ownedBy(from) }
    const { next, ...sum } = await verifySome(options, comparison.after, comparison.sum)
    // Asked for anew meanwhile: from the beginning.
    if (this.#comparison !== comparison) return
    const directions = next === null ? comparison.directions.slice(1) : comparison.directions
    this.#comparison = directions.length > 0 ? { sum, directions, after: next ?? '' } : null
    if (!this.#comparison) this.#verified = { ...sum, at: new Date().toISOString() }
  }

  /** @returns whether everything is in step */
  async #look(signal: AbortSignal): Promise<boolean> {
    const began = Date.now()
    this.#totals = await this.#options.records.totals()
    this.#progress.begin()
    if (this.#progress.figures().lagMs === null) await this.#survey(signal)
    let why: string | null = null
    for (const from of this.#directions()) {
      const done = await this.#pass(from, this.#ownedBy(from), signal)
      why = done.failed === 0 ? why : `${done.failed} objects are tried again: ${done.why}`
    }
    this.#totals = await this.#options.records.totals()
    this.#why = why
    if (why === null) this.#progress.inStep(began)
    return why === null
  }

  /** Counts what there is to do, before the first time that it is done. */
  async #survey(signal: AbortSignal): Promise<void> {
    const { sides, records } = this.#options
    for (const from of this.#directions()) {
      const owned = this.#ownedBy(from)
      const all = differences(from, sides[from].list('', owned), records.list('', owned), owned)
      for await (const one of all) {
        signal.throwIfAborted()
        if (one.kind === 'copy') this.#progress.found(one.listed.size)
      }
    }
  }

  #pass(from: SideName, owned: BucketSet, signal: AbortSignal): Promise<PassResult> {
    const { mostGoneShare = 0.5 } = this.#options
    const surveyed = this.#progress.figures().lagMs === null
    return runPass({
      ...this.#copying(signal),
      ...{ from, owned, mostGoneShare },
      onCopied: (bytes) => {
        this.#progress.copied(bytes)
        // As good as known until the records are asked again: a first copy takes hours.
        const { objects, bytes: before } = this.#totals
        if (surveyed)
          this.#totals = { ...this.#totals, objects: objects + 1, bytes: before + bytes }
      },
      onBatch: (found) => {
        if (surveyed) return
        for (const one of found) if (one.kind === 'copy') this.#progress.found(one.listed.size)
      },
    })
  }

  #copying(signal: AbortSignal) {
    const { sides, records, stillOurs } = this.#options
    return { sides, records, stillOurs, signal, pace: this.#pace }
  }

  #directions(): readonly SideName[] {
    return SIDES.filter((side) =>
      side === 'target' ? this.#owned.size > 0 : !this.#owned.equals(BucketSet.all),
    )
  }

  #ownedBy(side: SideName): BucketSet {
    return side === 'target' ? this.#owned : BucketSet.all.minus(this.#owned)
  }

  #retryMs(): number {
    return RETRY_MS.least * 2 ** Math.min(10, this.#failures - 1)
  }
}
