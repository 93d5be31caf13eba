import type { BucketSet, Hold } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { HandoverContext } from './handover.ts'
import type { ResolvedObjectsPlan, ResolvedTables } from './plan.ts'
import { withRoutes } from './tables.ts'

/** What the gateways do in a handover and what recovery makes them do again: the same moves. */
export type MoveContext = Pick<HandoverContext, 'gateways' | 'term' | 'monolithUrl' | 'signal'> & {
  readonly plan: ResolvedTables | ResolvedObjectsPlan
}

/** How long a gateway may take to let go of reads of the old owner, ms. */
const READ_DRAIN_MS = 1_000

export function holdSetting(
  plan: MoveContext['plan'],
  buckets: BucketSet,
  reads: boolean,
  attempt: string,
): Hold {
  return { buckets: buckets.toString(), reads, budgetMs: plan.handover.holdBudgetMs, attempt }
}

/**
 * Step 6: no gateway reads the buckets from the old owner any more. Waits for each to acknowledge, or
 * for its lease to end: an old request would otherwise read the past after the new owner's first write.
 */
export async function moveReads(context: MoveContext, hold: Hold): Promise<void> {
  const { gateways, term, monolithUrl, plan, signal } = context
  const answer = await gateways.publish(term, plan.name, withRoutes(monolithUrl, plan, { hold }), {
    drainMs: READ_DRAIN_MS,
    outlast: true,
    signal,
  })
  if (!answer.acknowledged) throw new Error(`reads were not moved: ${answer.why}`)
}

/** Step 8: the table says who owns the buckets now, and gateways let go of what they hold. */
export async function release(
  context: MoveContext,
  buckets: BucketSet,
  owner: SideName,
): Promise<void> {
  const { gateways, term, monolithUrl, plan, signal } = context
  await gateways.publish(
    term,
    plan.name,
    withRoutes(monolithUrl, plan, {
      hold: null,
      targetBuckets: (before) =>
        owner === 'target' ? before.union(buckets) : before.minus(buckets),
    }),
    { drainMs: 0, outlast: true, signal },
  )
}
