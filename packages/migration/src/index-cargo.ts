import type { Progress } from './cargo.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { IndexClient, type IndexStanding } from './index-client.ts'
import { UNLIMITED } from './live.ts'
import type { ResolvedIndex } from './plan.ts'
import { RoutesCargo } from './routes-cargo.ts'
import type { ExtractionStatus, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'
import { Transitions } from './transitions.ts'

/** How often the service is asked how its index stands, ms. */
const ASK_MS = 500
/** What it said longer ago than this says nothing of now, ms. */
const STALE_MS = 3_000
/** A gateway asks again for 2 s: up to this lag, ms, what then differs is not for the lag. */
const SHADOW_LAG_MS = 1_000
/** Waits before a backfill that failed is begun again, ms; the last one repeats. */
const RETRY_MS = [1_000, 5_000, 15_000, 60_000]

/**
 * What a service derives from everybody's changes, and answers from: it fills it and keeps it in step by
 * itself. The engine asks for that, waits until it is complete and in step, and moves requests alone.
 */
export class IndexCargo extends RoutesCargo {
  readonly #d: ExtractionDependencies<ResolvedIndex>
  readonly #client: IndexClient
  readonly #to: Transitions
  #said: { readonly standing: IndexStanding; readonly at: number } | null = null
  /** Why it could not be asked; null when it could. */
  #silence: string | null = null
  #asking: Promise<void> | null = null
  #askAt = 0
  #failures = 0
  #failureTold = false
  #retryAt = 0

  constructor(dependencies: ExtractionDependencies<ResolvedIndex>) {
    super(dependencies)
    this.#d = dependencies
    this.#client = new IndexClient(dependencies.plan)
    this.#to = new Transitions(dependencies)
  }

  /** Asks without waiting for the answer: a service that hangs must not keep the gates from being judged. */
  override async tick(_row: ExtractionRow): Promise<boolean> {
    if (this.#asking || Date.now() < this.#askAt) return true
    this.#asking = this.#client
      .ask()
      .then((standing) => this.#hear(standing))
      .catch((error: Error) => {
        this.#silence = error.message || error.name
      })
      .finally(() => {
        this.#asking = null
        this.#askAt = Date.now() + ASK_MS
      })
    return true
  }

  #hear(standing: IndexStanding): void {
    this.#said = { standing, at: Date.now() }
    this.#silence = null
  }

  /** As it was said lately; null when nothing was. */
  get #standing(): IndexStanding | null {
    return this.#said && Date.now() - this.#said.at < STALE_MS ? this.#said.standing : null
  }

  override lags(): readonly (number | null)[] {
    return [this.#standing?.lagMs ?? null]
  }

  override inStep(): boolean {
    const lagMs = this.#standing?.lagMs ?? null
    return lagMs !== null && lagMs <= Math.min(this.#d.plan.gates.lagMs, SHADOW_LAG_MS)
  }

  override async fill(row: ExtractionRow): Promise<Progress> {
    if (row.paused) return { waitsFor: [] }
    const standing = this.#standing
    if (!standing) return { waitsFor: [this.#unheard()] }
    // The phase began once, whichever engine looks at it: so the same backfill is gone on with.
    const run = String(row.phaseSince.getTime())
    if (standing.run !== run || standing.state === 'none') return this.#begin(run)
    switch (standing.state) {
      case 'complete':
        return { done: { documents: standing.done } }
      case 'failed':
        return this.#failed(row, run, standing)
      case 'filling':
        this.#failureTold = false
        return { waitsFor: [`the backfill to end (${standing.done} of ${standing.total})`] }
    }
  }

  async #begin(run: string): Promise<Progress> {
    if (Date.now() >= this.#retryAt) {
      this.#retryAt = Date.now() + RETRY_MS[0]!
      await this.tell({ kind: 'intent', what: 'backfill', detail: { run } })
      try {
        this.#hear(await this.#client.begin(run))
        this.#failureTold = false
      } catch (error) {
        this.#silence = (error as Error).message
      }
    }
    const why = this.#silence ? `: ${this.#silence}` : ''
    return { waitsFor: [`the backfill to begin${why}`] }
  }

  /** Told once each time, begun again after a while, and left to an operator after so many. */
  async #failed(row: ExtractionRow, run: string, { reason }: IndexStanding): Promise<Progress> {
    const why = reason ?? 'no reason given'
    if (!this.#failureTold) {
      this.#failureTold = true
      const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]!
      this.#retryAt = Date.now() + wait
      const attempt = ++this.#failures
      await this.tell({ kind: 'fact', what: 'backfill failed', detail: { reason: why, attempt } })
      if (attempt >= this.#d.plan.index.attempts) {
        this.#failures = 0
        await this.#to.pause(row, `${attempt} backfills failed, the last: ${why}`)
        return { waitsFor: [] }
      }
    }
    if (Date.now() >= this.#retryAt) return this.#begin(run)
    return { waitsFor: [`the backfill to be begun again, which failed: ${why}`] }
  }

  /** Complete, and not further behind than the plan allows. */
  override async check(row: ExtractionRow): Promise<Progress> {
    if (row.paused) return { waitsFor: [] }
    const standing = this.#standing
    if (!standing) return { waitsFor: [this.#unheard()] }
    const { state, lagMs, done } = standing
    const bound = this.#d.plan.gates.lagMs
    if (state !== 'complete') return { waitsFor: this.owes(row.phase) }
    if (lagMs === null) return { waitsFor: ['the lag of the index to be known'] }
    if (lagMs > bound)
      return { waitsFor: [`the lag of the index, ${lagMs} ms, to fall to ${bound} ms`] }
    return { done: { documents: done, lagMs } }
  }

  override owes(_phase: Phase): readonly string[] {
    const standing = this.#standing
    if (!standing || standing.state === 'complete') return []
    const { state, done, total, reason } = standing
    const how = reason ? `${state}: ${reason}` : `${state}, ${done} of ${total}`
    return [`the index to be complete (it is ${how})`]
  }

  #unheard(): string {
    return `the service to say how its index stands${this.#silence ? `: ${this.#silence}` : ''}`
  }

  override async rest(): Promise<void> {
    await super.rest()
    await this.#asking
    this.#said = null
  }

  override async figures(before: ExtractionStatus) {
    const figures = await super.figures(before)
    const standing = this.#standing
    if (!standing) return { ...figures, index: before.index }
    const { state, done, total, lagMs, reason } = standing
    const copied = { rows: done, total, rowsPerSecond: 0, etaSeconds: null, throttle: UNLIMITED }
    return {
      ...figures,
      copy: { ...copied, done: state === 'complete' },
      index: { state, documents: done, of: total, lagMs, reason },
    }
  }
}
