import { randomUUID } from 'node:crypto'
import { createPool } from '@banyan/postgres'
import { dropReading, dropWriting } from '@banyan/replication'
import type { TablesDependencies } from './dependencies.ts'
import { uninstallExtraction } from './install.ts'
import { holdSetting, moveReads, release } from './moves.ts'
import { flipAll } from './recovery.ts'
import { highestEpoch, inState, Side } from './sides.ts'
import { withoutRoutes } from './tables.ts'

/**
 * How far above its own epochs the source goes: the target may have closed and reopened buckets many times
 * since the source last heard of it, each time one higher, and must be below when it comes back.
 */
const EPOCHS = 1_000_000_000
const ANSWER_MS = 3_000

/** Whether a database can be reached now. */
export async function answers(url: string): Promise<boolean> {
  const pool = createPool(url, { name: 'banyan/answers', max: 1, statementTimeoutMs: ANSWER_MS })
  try {
    await pool.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await pool.end()
  }
}

/** What was taken back, for the ledger. */
export interface Abandoned {
  readonly [figure: string]: unknown
  /** Buckets the source owns again. */
  readonly buckets: number
  /** The target's log is on the source up to here; null when nothing ever came back. */
  readonly reversePosition: string | null
}

/**
 * The target is gone for good: the source owns everything again, as far as the reverse stream had come.
 * Gateways let go of the target first, so that one that reaches it after all sends it nothing more.
 * Safe to run again from any point.
 */
export async function abandon(d: TablesDependencies, signal: AbortSignal): Promise<Abandoned> {
  const { plan, monolith, gateways, term, token } = d
  const source = new Side('source', plan.name, monolith.databaseUrl, token)
  try {
    await source.raise()
    const mine = await source.ownership()
    const lost = inState(mine, 'closing', 'given', 'closed')
    const context = { gateways, term, monolithUrl: monolith.url, plan, signal }
    if (lost.size > 0) {
      await moveReads(context, holdSetting(plan, lost, true, randomUUID()))
      await flipAll(source, lost, mine, 'open', highestEpoch(lost, mine) + EPOCHS)
    }
    await source.noteWhole()
    await release(context, lost, 'source')
    // Nobody will read it: it would keep the source's log for ever.
    await dropReading({ extraction: plan.name, stream: 'forward', from: source.pool, token })
    const { rows } = await source.pool.query<{ position: string }>(
      `SELECT position::text FROM banyan.progress WHERE extraction = $1 AND stream = 'reverse'`,
      [plan.name],
    )
    return { buckets: lost.size, reversePosition: rows[0]?.position ?? null }
  } finally {
    await source.close()
  }
}

/**
 * A target that came back owns nothing any more, whatever its rows say.
 *
 * @returns how many of its buckets had to be closed.
 */
export async function closeTarget({ plan, token }: TablesDependencies): Promise<number> {
  const target = new Side('target', plan.name, plan.service.databaseUrl, token)
  try {
    const { rows } = await target.pool.query<{ there: boolean }>(
      `SELECT to_regclass('banyan.token') IS NOT NULL AS there`,
    )
    if (!rows[0]!.there) return 0
    await target.raise()
    const theirs = await target.ownership()
    let closed = 0
    for (const state of ['open', 'closing', 'given'] as const) {
      const some = inState(theirs, state)
      if (some.size > 0) await target.flip(some, state, 'closed')
      closed += some.size
    }
    return closed
  } finally {
    await target.close()
  }
}

/** Ends an abandoned extraction whose target never came back: takes what is ours off the source. */
export async function finishWithoutTarget(d: TablesDependencies): Promise<void> {
  const { plan, monolith, gateways, term, token } = d
  await gateways.publish(term, plan.name, withoutRoutes(monolith.url, plan.name), {
    drainMs: 0,
    outlast: false,
  })
  const source = new Side('source', plan.name, monolith.databaseUrl, token)
  try {
    const of = { extraction: plan.name, token }
    await dropReading({ ...of, stream: 'forward', from: source.pool })
    await dropWriting({ ...of, stream: 'reverse', to: source.pool })
    // The sequences go on drawing from their half: what the target drew of the other one is not known.
    await uninstallExtraction(source.pool, plan.name)
  } finally {
    await source.close()
  }
}
