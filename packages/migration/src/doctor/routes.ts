import { BucketSet, bucketOf } from '@banyan/contracts'
import type { ResolvedTables } from '../plan.ts'
import { type Finding, finding } from './finding.ts'

/** That routes and tables of the plan agree on whose row it is. */
export function routeOwners(extraction: ResolvedTables): Finding[] {
  const whole = extraction.tables.filter((table) => table.owner === null)
  const owned = extraction.tables.filter((table) => table.owner !== null)
  const wholeRoutes = extraction.routes.filter((route) => route.owner?.from === 'whole')
  const found: Finding[] = []
  if (wholeRoutes.length > 0 && owned.length > 0) {
    const steps = extraction.steps.filter((step) => step.percent < 100)
    for (const route of wholeRoutes.filter((one) => one.access !== 'read')) {
      if (steps.length === 0) break
      found.push(
        finding(
          'route-over-owners',
          'warning',
          `route ${route.methods.join('|') || 'any'} ${route.path}`,
          `Nothing in the request says whose row it is, and ${owned.map((table) => table.source).join(', ')} moves owner by owner: between the first step and 100 % such a write can need rows of both sides, and is then refused.`,
          'Name where the owner stands ("owner" of the route), or move all owners in one step: steps: [{ percent: 100 }].',
        ),
      )
    }
  }
  if (whole.length > 0) {
    const moves = extraction.steps.find((step) => BucketSet.share(step.percent).has(bucketOf(null)))
    found.push(
      finding(
        'whole-table-step',
        'note',
        whole.map((table) => table.source).join(', '),
        `Moves as one bucket, with the step to ${moves?.percent ?? 100} %.`,
        'Nothing to do; give the table an owner key if it should move share by share.',
      ),
    )
  }
  return found
}
