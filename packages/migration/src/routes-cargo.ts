import { BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import { type Cargo, type CargoFigures, type Progress, percentOf } from './cargo.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import type { NewEntry } from './ledger.ts'
import type { ResolvedRequests } from './plan.ts'
import type { ExtractionStatus, HandoverRecord, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'
import { type RoutesChange, routesOf, withoutRoutes, withRoutes } from './tables.ts'

/**
 * Nothing but requests: either side answers them alike. Who owns a bucket stands in the route table alone,
 * and a bucket changes hands by a new table: nobody is held, since there is nothing that both could write.
 */
export class RoutesCargo implements Cargo {
  readonly #d: ExtractionDependencies<ResolvedRequests>
  #owned: BucketSet | null = null
  readonly attempts: number = Number.POSITIVE_INFINITY
  readonly divergent = null

  constructor(dependencies: ExtractionDependencies<ResolvedRequests>) {
    this.#d = dependencies
  }

  get owned(): BucketSet {
    return this.#owned ?? BucketSet.none
  }

  /** The table that was stored last counts, whoever stored it; given again, an older engine's comes too late. */
  async take(_row: ExtractionRow, _signal: AbortSignal): Promise<readonly string[] | null> {
    if (this.#owned) return null
    const table = await this.#publish({ hold: null })
    this.#owned = BucketSet.parse(routesOf(table, this.#d.plan.name)!.targetBuckets)
    return null
  }

  async tick(_row: ExtractionRow): Promise<boolean> {
    return true
  }

  async fill(_row: ExtractionRow): Promise<Progress> {
    return { done: {} }
  }

  async check(_row: ExtractionRow): Promise<Progress> {
    return { done: {} }
  }

  owes(_phase: Phase): readonly string[] {
    return []
  }

  async handOver(buckets: BucketSet, from: SideName, attempt: number): Promise<HandoverRecord> {
    const to: SideName = from === 'source' ? 'target' : 'source'
    const detail = { from, to, buckets: buckets.size }
    await this.tell({ kind: 'intent', what: 'move', detail })
    await this.#publish({
      targetBuckets: (before) => (to === 'target' ? before.union(buckets) : before.minus(buckets)),
    })
    this.#owned = to === 'target' ? this.owned.union(buckets) : this.owned.minus(buckets)
    await this.tell({ kind: 'fact', what: 'move', detail })
    const at = new Date().toISOString()
    return { ...detail, holdMs: 0, attempt, outcome: 'done', why: null, at }
  }

  inStep(): boolean {
    return true
  }

  lags(): readonly (number | null)[] {
    return []
  }

  async finish(ending: 'completing' | 'cancelling'): Promise<void> {
    if (ending === 'completing') {
      await this.#publish({ shadow: null, hold: null })
      return
    }
    const { gateways, term, monolith, plan } = this.#d
    const without = withoutRoutes(monolith.url, plan.name)
    await gateways.publish(term, plan.name, without, { drainMs: 0, outlast: false })
  }

  async rest(): Promise<void> {
    this.#owned = null
  }

  async figures(before: ExtractionStatus): Promise<CargoFigures> {
    const { at, percent, copy, streams, lagMs, verify, refusals } = before
    const kept = { copy, streams, lagMs, verify, refusals, index: null, losesOnRollback: [] }
    if (!this.#owned) return { ...kept, at, percent }
    return {
      ...kept,
      at: new Date().toISOString(),
      percent: percentOf(this.#owned),
    }
  }

  protected tell(...entries: NewEntry[]): Promise<void> {
    const { ledger, plan, term } = this.#d
    return ledger.append(plan.name, term, entries)
  }

  /** A gateway that does not answer follows when it renews its lease: until then both sides are right. */
  async #publish(change: RoutesChange) {
    const { gateways, term, monolith, plan, log } = this.#d
    const { table, why } = await gateways.publish(
      term,
      plan.name,
      withRoutes(monolith.url, plan, change),
      { drainMs: 0, outlast: false },
    )
    if (why)
      log.warn({ extraction: plan.name, why }, 'a gateway has an older table until it renews')
    return table
  }
}
