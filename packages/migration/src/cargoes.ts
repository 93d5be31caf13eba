import type { Cargo } from './cargo.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { IndexCargo } from './index-cargo.ts'
import { CarriesObjects } from './objects/carries-objects.ts'
import { ObjectsCargo } from './objects/objects-cargo.ts'
import { RoutesCargo } from './routes-cargo.ts'
import { TablesCargo } from './tables-cargo.ts'

/** Makes what moves with an extraction, by its kind in the plan. */
export function cargoOf(dependencies: ExtractionDependencies): Cargo {
  const { plan } = dependencies
  switch (plan.kind) {
    case 'tables': {
      const tables = { ...dependencies, plan }
      if (!plan.objects) return new TablesCargo(tables)
      const { monolith } = dependencies
      const databases = { source: monolith.databaseUrl, target: plan.service.databaseUrl }
      return new CarriesObjects(
        dependencies,
        plan.objects,
        databases,
        (objects) => new TablesCargo({ ...tables, objects }),
      )
    }
    case 'objects': {
      const databases = { source: dependencies.monolith.databaseUrl, target: null }
      return new CarriesObjects(
        dependencies,
        plan.objects,
        databases,
        (objects) => new ObjectsCargo({ ...dependencies, plan }, objects),
      )
    }
    case 'routes':
      return new RoutesCargo({ ...dependencies, plan })
    case 'index':
      return new IndexCargo({ ...dependencies, plan })
  }
}
