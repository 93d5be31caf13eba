import { randomUUID } from 'node:crypto'
import type { BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { ExtractionDependencies } from '../dependencies.ts'
import { holdSetting, moveReads } from '../moves.ts'
import type { ResolvedObjectsPlan } from '../plan.ts'
import { RoutesCargo } from '../routes-cargo.ts'
import type { HandoverRecord } from '../status.ts'
import type { ExtractionRow } from '../store.ts'
import { withRoutes } from '../tables.ts'
import { Transitions } from '../transitions.ts'
import type { ObjectsInHandover } from './carries-objects.ts'

/**
 * Requests that write files, and no rows of ours: who owns a bucket stands in the route table alone. Writes
 * of the buckets that move are held at the gateways until the other side has all of their objects.
 */
export class ObjectsCargo extends RoutesCargo {
  readonly #d: ExtractionDependencies<ResolvedObjectsPlan>
  readonly #objects: ObjectsInHandover
  readonly #to: Transitions
  override readonly attempts: number
  #signal: AbortSignal | undefined

  constructor(d: ExtractionDependencies<ResolvedObjectsPlan>, objects: ObjectsInHandover) {
    super(d)
    this.#d = d
    this.#objects = objects
    this.#to = new Transitions(d)
    this.attempts = d.plan.handover.attempts
  }

  override async take(row: ExtractionRow, signal: AbortSignal): Promise<readonly string[] | null> {
    this.#signal = signal
    return super.take(row, signal)
  }

  /** The objects have begun to be compared when it was asked for. */
  override async tick(row: ExtractionRow): Promise<boolean> {
    if (row.wanted.includes('verify')) {
      await this.#to.change(row, { wanted: row.wanted.filter((one) => one !== 'verify') }, null)
    }
    return true
  }

  override async handOver(
    buckets: BucketSet,
    from: SideName,
    attempt: number,
  ): Promise<HandoverRecord> {
    const { gateways, plan } = this.#d
    const notReady = (await gateways.silent()) ?? this.#objects.notReady()
    if (notReady) return this.#aborted(buckets, from, attempt, 0, notReady)
    const heldAt = Date.now()
    const id = randomUUID()
    const why = await this.#holdAndSettle(buckets, from, id)
    if (why) {
      await this.#publishHold(null)
      return this.#aborted(buckets, from, attempt, Date.now() - heldAt, why)
    }
    const { term, monolith } = this.#d
    const context = { gateways, plan, term, signal: this.#signal!, monolithUrl: monolith.url }
    await moveReads(context, holdSetting(plan, buckets, true, id))
    const record = await super.handOver(buckets, from, attempt)
    await this.#publishHold(null)
    return { ...record, holdMs: Date.now() - heldAt }
  }

  /** @returns why not, or null when nobody writes the buckets and the other side has all of their objects. */
  async #holdAndSettle(buckets: BucketSet, from: SideName, id: string): Promise<string | null> {
    const { plan } = this.#d
    const budgetMs = plan.handover.holdBudgetMs
    const deadline = Date.now() + budgetMs
    // As in a handover of rows: the rest is for the objects, or for letting go before anybody is refused.
    const held = await this.#publishHold(holdSetting(plan, buckets, false, id), budgetMs / 2)
    if (held) return held
    return this.#objects.settle(buckets, from, deadline - Date.now() - budgetMs / 10)
  }

  async #publishHold(
    hold: ReturnType<typeof holdSetting> | null,
    drainMs = 0,
  ): Promise<string | null> {
    const { gateways, term, monolith, plan } = this.#d
    const { acknowledged, why } = await gateways.publish(
      term,
      plan.name,
      withRoutes(monolith.url, plan, { hold }),
      { drainMs: Math.floor(drainMs), outlast: false },
    )
    return acknowledged ? null : (why ?? 'the hold was not acknowledged')
  }

  async #aborted(
    buckets: BucketSet,
    from: SideName,
    attempt: number,
    holdMs: number,
    why: string,
  ): Promise<HandoverRecord> {
    const to: SideName = from === 'source' ? 'target' : 'source'
    await this.tell({ kind: 'fact', what: 'handover aborted', detail: { from, to, why } })
    const at = new Date().toISOString()
    return { from, to, buckets: buckets.size, holdMs, attempt, outcome: 'aborted', why, at }
  }
}
