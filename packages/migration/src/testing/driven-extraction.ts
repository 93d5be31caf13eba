import { BucketSet, type ExtractionStats, type RouteTable } from '@banyan/contracts'
import type { ExtractionDependencies } from '../dependencies.ts'
import { Extraction } from '../extraction.ts'
import type { ResolvedExtraction } from '../plan.ts'
import type { Phase } from '../status.ts'
import type { ExtractionRow, Store, Wanted } from '../store.ts'

/** So many looks of the engine decide whether a phase goes on by itself. */
const LOOKS = 15

export interface Circumstances {
  readonly goal: number
  readonly wanted: readonly Wanted[]
  /** Whether every answer of the service is an error. */
  readonly failing: boolean
}

/**
 * What an engine makes of a phase by itself: the real one, over a store and gateways that live in this process. The
 * plan's kind must be `routes`, so that there are no databases.
 *
 * @returns null where it stays.
 */
export async function phaseAfter(
  plan: ResolvedExtraction,
  phase: Phase,
  { goal, wanted, failing }: Circumstances,
): Promise<Phase | null> {
  const abort = new AbortController()
  let row = {
    ...{ name: plan.name, phase, goal, wanted, paused: false, pausedWhy: null, revision: 1 },
    ...{ phaseSince: new Date(0), copyLimit: null, sequences: [], servers: null },
    ...{ oldTables: {}, status: null },
  } as ExtractionRow
  let looks = 0
  const store = {
    handovers: async () => [],
    addHandover: async () => {},
    writeStatus: async () => {},
    readAll: async () => [row],
    read: async () => {
      if (++looks > LOOKS) abort.abort()
      return row
    },
    change: async (_row: ExtractionRow, _term: bigint, change: Parameters<Store['change']>[2]) => {
      row = { ...row, ...change }
      if (row.phase !== phase) abort.abort()
      return true
    },
  }
  const dependencies = {
    ...{ plan, plans: [plan], monolith: { url: 'http://127.0.0.1:1', databaseUrl: '' } },
    ...{ store, gateways: gatewaysOf(plan, failing), term: 1n, token: 1n },
    ledger: { append: async () => {}, search: async () => [] },
    log: { warn: () => {} },
  } as unknown as ExtractionDependencies
  await new Extraction(dependencies).run(abort.signal)
  return row.phase === phase ? null : row.phase
}

/** Every bucket is the service's, and each time it is asked a hundred more requests were answered. */
function gatewaysOf(plan: ResolvedExtraction, failing: boolean) {
  let table: RouteTable = { token: 1, version: 1, monolith: '', extractions: [] }
  let asked = 0
  const side = (errors: number) => ({ requests: asked * 100, errors, latency: [] })
  return {
    publish: async (_term: bigint, _name: string, change: (table: RouteTable) => RouteTable) => {
      const first = table.extractions.length === 0
      table = change(table)
      if (first) {
        const [own] = table.extractions
        table = { ...table, extractions: [{ ...own!, targetBuckets: BucketSet.all.toString() }] }
      }
      return { table, acknowledged: true, why: null }
    },
    stats: async () => {
      asked++
      const counted: ExtractionStats = {
        ...{ extraction: plan.name, source: side(0), target: side(failing ? asked * 100 : 0) },
        shadow: { compared: 0, differing: 0, dropped: 0, differences: [] },
        ...{ holds: { held: 0, released: 0, refused: 0, recentMs: [] }, replayed: 0 },
      }
      return [{ gateway: 'one', extractions: [counted], limits: [], breakers: [] }]
    },
  }
}
