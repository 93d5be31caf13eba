import type { Cargo } from './cargo.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { IndexCargo } from './index-cargo.ts'
import { RoutesCargo } from './routes-cargo.ts'
import { TablesCargo } from './tables-cargo.ts'

/** Makes what moves with an extraction, by its kind in the plan. */
export function cargoOf(dependencies: ExtractionDependencies): Cargo {
  const { plan } = dependencies
  switch (plan.kind) {
    case 'tables':
      return new TablesCargo({ ...dependencies, plan })
    case 'routes':
      return new RoutesCargo({ ...dependencies, plan })
    case 'index':
      return new IndexCargo({ ...dependencies, plan })
  }
}
