import type { ExtractionDependencies, TablesDependencies } from './dependencies.ts'
import { uninstallExtraction } from './install.ts'
import type { Live } from './live.ts'
import { joinSequences } from './sequences.ts'
import { withoutRoutes, withRoutes } from './tables.ts'

/** What the plan's `completeAfter` still waits for. */
export async function completedFirst(d: ExtractionDependencies): Promise<string[]> {
  const { completeAfter } = d.plan
  if (completeAfter.length === 0) return []
  const rows = await d.store.readAll()
  return rows
    .filter(({ name, phase }) => completeAfter.includes(name) && phase !== 'completed')
    .map(({ name, phase }) => `${name} to be completed first (completeAfter; it is ${phase})`)
}

/**
 * The target owns everything and keeps it: takes the streams, guards and rows of ours off both sides.
 * Safe to run again from any point; the gateways go on sending the extraction's routes to the target.
 */
export async function finishComplete(d: TablesDependencies, live: Live): Promise<void> {
  await d.gateways.publish(
    d.term,
    d.plan.name,
    withRoutes(d.monolith.url, d.plan, { shadow: null, hold: null }),
    { drainMs: 0, outlast: false },
  )
  await dismantle(d, live, 'target')
}

/** The source owns everything, as before the start; the copied rows on the target stay where they are. */
export async function finishCancel(d: TablesDependencies, live: Live): Promise<void> {
  await d.gateways.publish(d.term, d.plan.name, withoutRoutes(d.monolith.url, d.plan.name), {
    drainMs: 0,
    outlast: false,
  })
  await dismantle(d, live, 'source')
}

async function dismantle(
  d: TablesDependencies,
  live: Live,
  owner: 'source' | 'target',
): Promise<void> {
  await live.stopCopy()
  for (const link of [live.forward, live.reverse]) {
    await link.stop()
    await link.drop()
  }
  const pools = { source: live.source.pool, target: live.target.pool }
  await joinSequences(pools, live.sequences, owner)
  // The owner's guards go first: the other side refuses writes until the very end.
  await uninstallExtraction(pools[owner], d.plan.name)
  await uninstallExtraction(pools[owner === 'source' ? 'target' : 'source'], d.plan.name)
}
