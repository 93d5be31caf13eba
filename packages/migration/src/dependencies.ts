import type { Pool } from '@banyan/postgres'
import type { Logger } from 'pino'
import type { Gateways } from './gateways.ts'
import type { Ledger } from './ledger.ts'
import type { ObjectsInHandover } from './objects/carries-objects.ts'
import type { ResolvedExtraction, ResolvedTables } from './plan.ts'
import type { RepairDesk } from './repair-desk.ts'
import type { Store } from './store.ts'

/** What the parts of one extraction share, in one engine's term. */
export interface ExtractionDependencies<P extends ResolvedExtraction = ResolvedExtraction> {
  readonly plan: P
  /** All of the plan's, this one too. */
  readonly plans: readonly ResolvedExtraction[]
  readonly monolith: { readonly url: string; readonly databaseUrl: string }
  /** The control database. */
  readonly control: Pool
  readonly store: Store
  readonly ledger: Ledger
  readonly repairs: RepairDesk
  readonly gateways: Gateways
  /** Token of the engine's term: fences route tables and the ledger. */
  readonly term: bigint
  /** Token of this extraction in both databases: fences flips and appliers. A new one each time it is taken up. */
  readonly token: bigint
  readonly log: Logger
}

/** Those of an extraction that moves rows. */
export type TablesDependencies = ExtractionDependencies<ResolvedTables> & {
  /** Where objects move with them. */
  readonly objects?: ObjectsInHandover
}
