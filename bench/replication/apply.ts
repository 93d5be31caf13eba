import type { Link } from '@banyan/replication'
import { type Compared, compare, interleave, until } from '../statistics.ts'
import { type Measured, type MeasureOptions, perSecond } from './measurement.ts'
import { NativeSubscription, publishNatively } from './native.ts'
import { type Database, digest, fillItems, ITEM, ITEM_SPEC, Rig, requireDigest } from './rig.ts'
import { createWorkloads, WORKLOADS, type Workload, writeBacklog } from './workloads.ts'

const ROWS = 200_000
const WITHIN_MS = 600_000
/** The last transaction of a backlog: when it is visible, all of it is. */
const MARKER = 'CREATE TABLE public.marker (id int PRIMARY KEY, round int NOT NULL)'

/** How fast a backlog drains, against a native subscription that drains the same backlog. */
export async function measureApply(options: MeasureOptions): Promise<Measured> {
  const { rounds, backlogTransactions } = options.sizes
  return Rig.with(options.supervisor, async (rig) => {
    const source = await rig.database(rig.source, 'applied')
    const ours = await rig.database(rig.target, 'ours')
    const native = await rig.database(rig.target, 'native')
    for (const { pool } of [source, ours, native]) {
      await pool.query(ITEM)
      await pool.query(MARKER)
    }
    for (const { pool } of [source, native]) {
      await fillItems(pool, ROWS)
      await pool.query('INSERT INTO public.marker VALUES (1, 0)')
    }
    await createWorkloads(source.pool)
    const { link } = await rig.stream(source, ours, [
      ITEM_SPEC,
      { source: 'public.marker', target: 'public.marker', owner: null },
    ])
    await link.prepare()
    link.start()
    await link.copy()
    await link.stop()
    await publishNatively(source, ['public.item', 'public.marker'])
    const subscription = new NativeSubscription(source, native)
    await subscription.create({ copy: false, enabled: false })

    const both = { source, ours, native, link, subscription }
    const results: Partial<Record<Workload, ApplyResult>> = {}
    // The first drain after a start is slower for both: it counts for neither.
    await drainBoth(rig, both, 'updates', { rounds: 1, first: 0, transactions: 1_000 })
    for (const [i, workload] of WORKLOADS.entries()) {
      results[workload] = await drainBoth(rig, both, workload, {
        rounds,
        first: 1 + i * rounds,
        transactions: backlogTransactions,
      })
      const expected = await digest(source.pool)
      for (const side of [ours, native]) {
        await requireDigest(`${side.name} after ${workload}`, expected, side.pool)
      }
    }
    await subscription.drop()
    return report(results as Record<Workload, ApplyResult>, backlogTransactions)
  })
}

interface Both {
  readonly source: Database
  readonly ours: Database
  readonly native: Database
  readonly link: Link
  readonly subscription: NativeSubscription
}

interface ApplyResult {
  /** Row changes/s. */
  readonly compared: Compared
  readonly changesPerTransaction: number
}

/** Each round: a backlog that neither has read, then both drain it, one after the other. */
async function drainBoth(
  rig: Rig,
  { source, ours, native, link, subscription }: Both,
  workload: Workload,
  size: { rounds: number; first: number; transactions: number },
): Promise<ApplyResult> {
  let written = 0
  let changes = 0
  let current = 0
  const backlog = async (round: number) => {
    if (current === round) return
    current = round
    const number = size.first + round
    changes = await writeBacklog(source.pool, workload, size.transactions, ROWS, number)
    await source.pool.query('UPDATE public.marker SET round = $1', [number])
    written += changes
    await rig.settle()
  }
  const drained = (side: Database, round: number) =>
    until(
      `${side.name} has applied round ${round}`,
      async () => {
        const { rows } = await side.pool.query<{ round: number }>('SELECT round FROM public.marker')
        return rows[0]?.round === size.first + round
      },
      WITHIN_MS,
    )
  const rates = await interleave(
    size.rounds,
    {
      async ours(round) {
        await backlog(round)
        const began = performance.now()
        link.start()
        await drained(ours, round)
        const rate = (changes * 1000) / (performance.now() - began)
        await link.stop()
        return rate
      },
      async native(round) {
        await backlog(round)
        const began = performance.now()
        await subscription.enable()
        await drained(native, round)
        const rate = (changes * 1000) / (performance.now() - began)
        await subscription.disable()
        return rate
      },
    },
    true,
  )
  return {
    compared: compare(rates, 'ours', 'native'),
    changesPerTransaction: written / (size.rounds * size.transactions),
  }
}

function report(results: Record<Workload, ApplyResult>, transactions: number): Measured {
  const { updates, inserts, mixed } = results
  const perTransaction = updates.changesPerTransaction
  return {
    figures: {
      apply: {
        ratioToNative: updates.compared.ratio,
        rowChangesPerSecond: updates.compared.ours,
        transactionsPerSecond: Math.round(updates.compared.ours / perTransaction),
        nativeRowChangesPerSecond: updates.compared.peer,
        nativeTransactionsPerSecond: Math.round(updates.compared.peer / perTransaction),
        ratioToNativeInserts: inserts.compared.ratio,
        ratioToNativeMixed: mixed.compared.ratio,
      },
    },
    details: {
      transactions,
      ...Object.fromEntries(
        WORKLOADS.map((name) => {
          const { compared, changesPerTransaction } = results[name]
          return [name, { unit: 'row changes/s', changesPerTransaction, ...compared }]
        }),
      ),
    },
    lines: WORKLOADS.flatMap((name) => {
      const { compared, changesPerTransaction } = results[name]
      const both = (rate: number) =>
        `${perSecond(rate, 'changes')}, ${perSecond(rate / changesPerTransaction, 'transactions')}`
      return [
        [`Link, ${name}`, both(compared.ours)],
        [`native, ${name}`, `${both(compared.peer)}; ours is ${compared.ratio} of it`],
      ] as const
    }),
    notes: [
      'apply: updates = 2 rows of 200,000 in each transaction; inserts = 1 row; mixed = 1 insert, 2 updates, 1 delete. Timed from starting the stream to its last transaction being visible',
      'apply: ours commits a batch of transactions at a time and waits for the disk (synchronous_commit = on); a native subscription commits each transaction and does not wait (its default, synchronous_commit = off)',
      'apply: the target of ours has its guards, that of the native subscription has none',
    ],
  }
}
