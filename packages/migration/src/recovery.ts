import { randomUUID } from 'node:crypto'
import { BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { HandoverContext } from './handover.ts'
import type { NewEntry } from './ledger.ts'
import { holdSetting, type MoveContext, moveReads, release } from './moves.ts'
import { highestEpoch, type Ownership, type Side } from './sides.ts'
import { routesOf, withRoutes } from './tables.ts'

export type RecoveryContext = MoveContext & Pick<HandoverContext, 'source' | 'target' | 'ledger'>

/** What recovery does with a bucket, judged by its rows in both databases. */
export type Verdict =
  | 'settled'
  | 'reopen source'
  | 'reopen target'
  | 'to source'
  | 'to target'
  | 'finish source'
  | 'finish target'

/**
 * Brings every bucket back to one owner (docs/handover.md, "Recovery"). The caller has raised its token
 * in both databases, so nothing an older engine sent can still land.
 *
 * Needs no memory of what was being done: the two databases say it.
 *
 * @returns what was done, for the ledger; empty when every bucket had its owner and the table agreed.
 */
export async function recover(context: RecoveryContext): Promise<NewEntry[]> {
  const { source, target, plan } = context
  const [s, t] = await Promise.all([source.ownership(), target.ownership()])
  if (s.length === 0 || t.length === 0) return []
  const done: NewEntry[] = []
  const groups = group(s, t)
  for (const [verdict, buckets] of groups) {
    if (verdict === 'settled') continue
    await act(context, verdict, buckets, s, t)
    done.push({ kind: 'fact', what: 'recovered', detail: { verdict, buckets: buckets.size } })
  }
  if (await mendTable(context)) done.push({ kind: 'fact', what: 'route table mended', detail: {} })
  if (done.length > 0) await context.ledger.append(plan.name, context.term, done)
  return done
}

/**
 * What one side alone tells while the other cannot be reached: a `closing` bucket was not given, so the
 * other side cannot have been opened, and it may be reopened here at once.
 */
export async function recoverAlone(side: Side): Promise<number> {
  const mine = await side.ownership()
  const closing = BucketSet.of(mine.flatMap((one, b) => (one.state === 'closing' ? [b] : [])))
  if (closing.size === 0) return 0
  await side.flip(closing, 'closing', 'open', {
    epoch: highestEpoch(closing, mine) + 1,
  })
  return closing.size
}

/** Judges one bucket. Of two rows that are not open, the higher epoch was the owner. */
export function judge(s: Ownership, t: Ownership): Verdict {
  if (s.state === 'open') return t.state === 'closed' ? 'settled' : 'finish target'
  if (t.state === 'open') return s.state === 'closed' ? 'settled' : 'finish source'
  const owner: SideName = s.epoch > t.epoch ? 'source' : 'target'
  const state = owner === 'source' ? s.state : t.state
  if (state === 'given') return owner === 'source' ? 'to target' : 'to source'
  return owner === 'source' ? 'reopen source' : 'reopen target'
}

function group(s: readonly Ownership[], t: readonly Ownership[]): Map<Verdict, BucketSet> {
  const groups = new Map<Verdict, number[]>()
  s.forEach((mine, bucket) => {
    const verdict = judge(mine, t[bucket]!)
    groups.set(verdict, [...(groups.get(verdict) ?? []), bucket])
  })
  return new Map([...groups].map(([verdict, buckets]) => [verdict, BucketSet.of(buckets)]))
}

async function act(
  context: RecoveryContext,
  verdict: Verdict,
  buckets: BucketSet,
  s: readonly Ownership[],
  t: readonly Ownership[],
): Promise<void> {
  const { plan } = context
  const epoch = highestEpoch(buckets, s, t) + 1
  const [deed, name] = verdict.split(' ') as ['reopen' | 'to' | 'finish', SideName]
  const side = context[name]
  if (deed === 'finish') {
    await flipAll(side, buckets, name === 'source' ? s : t, 'closed')
  } else if (deed === 'reopen') {
    await flipAll(side, buckets, name === 'source' ? s : t, 'open', epoch)
    await release(context, buckets, name)
  } else {
    const giver = context[name === 'source' ? 'target' : 'source']
    await moveReads(context, holdSetting(plan, buckets, true, randomUUID()))
    await flipAll(side, buckets, name === 'source' ? s : t, 'open', epoch)
    await release(context, buckets, name)
    await giver.flip(buckets, 'given', 'closed')
  }
}

/** Flips buckets that may stand in different states, a state at a time. */
export async function flipAll(
  side: Side,
  buckets: BucketSet,
  now: readonly Ownership[],
  to: 'open' | 'closed',
  epoch?: number,
): Promise<void> {
  for (const state of ['closing', 'given', 'closed'] as const) {
    const some = BucketSet.of([...buckets].filter((bucket) => now[bucket]!.state === state))
    if (some.size > 0 && state !== to) {
      await side.flip(some, state, to, epoch === undefined ? {} : { epoch })
    }
  }
}

/** The table must say what the databases say, and hold nothing. */
async function mendTable(context: RecoveryContext): Promise<boolean> {
  const { target, gateways, plan, term, monolithUrl, signal } = context
  const t = await target.ownership()
  const owned = BucketSet.of(t.flatMap((one, bucket) => (one.state === 'open' ? [bucket] : [])))
  const table = await gateways.table()
  const routes = routesOf(table, plan.name)
  const agrees =
    routes !== null && routes.hold === null && BucketSet.parse(routes.targetBuckets).equals(owned)
  // Given again even when it agrees: one whose reply was lost may still be on its way, and is refused
  // from now on, as is an older engine's.
  await gateways.publish(
    term,
    plan.name,
    withRoutes(monolithUrl, plan, { hold: null, targetBuckets: () => owned }),
    { drainMs: 0, outlast: false, signal },
  )
  return !agrees
}
