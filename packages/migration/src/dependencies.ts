import type { Logger } from 'pino'
import type { Gateways } from './gateways.ts'
import type { Ledger } from './ledger.ts'
import type { ResolvedExtraction } from './plan.ts'
import type { Store } from './store.ts'

/** What the parts of one extraction share, in one engine's term. */
export interface ExtractionDependencies {
  readonly plan: ResolvedExtraction
  readonly monolith: { readonly url: string; readonly databaseUrl: string }
  readonly store: Store
  readonly ledger: Ledger
  readonly gateways: Gateways
  readonly token: bigint
  readonly log: Logger
}
