import type { RouteRule } from '@banyan/contracts'
import type { Plan, ResolvedExtraction } from './plan.ts'
import type { MappedExtraction, SystemMap } from './status.ts'

/** Who is where, as the plan says; addresses of databases, which hold passwords, stay out of it. */
export function mapOf(plan: Plan, extractions: readonly ResolvedExtraction[]): SystemMap {
  const { monolith, services = [] } = plan
  return {
    monolith: { url: monolith.url },
    extractions: extractions.map(mapped),
    services: services.map(({ name, url, routes }) => ({ name, url, routes: routes.map(shown) })),
  }
}

function mapped(one: ResolvedExtraction): MappedExtraction {
  const tables = 'tables' in one ? one.tables : []
  return {
    name: one.name,
    kind: one.kind,
    url: one.service.url,
    routes: one.routes.map(shown),
    tables: tables.map(({ source, target }) => ({ source, target })),
    steps: one.steps.map(({ percent }) => percent),
    shadow: one.shadow.percent > 0,
    completeAfter: one.completeAfter,
  }
}

function shown({ methods, path }: RouteRule): string {
  return `${methods.length > 0 ? methods.join(', ') : 'any method'} ${path}`
}
