import { BucketSet, type ExtractionRoutes, type RouteTable } from '@banyan/contracts'
import type { Gateways } from './gateways.ts'
import { type Plan, resolvePlan, type ServicePlan } from './plan.ts'

/** Before the names of services in route tables: no extraction can be called so. */
const MARK = 'service:'

/**
 * Gives the gateways the routes of services that the monolith never had, as the plan names them now. Whoever
 * has no credentials, or bad ones, meets the monolith there as everywhere, which refuses.
 *
 * @throws DeposedError when the term is over.
 */
export async function publishServices(
  gateways: Gateways,
  term: bigint,
  { monolith, services = [] }: Plan,
): Promise<void> {
  const before = await gateways.table()
  const after = withServices(monolith.url, services)
  const known = before?.extractions.some(({ extraction }) => extraction.startsWith(MARK)) ?? false
  if (services.length === 0 && !known) return
  await gateways.publish(term, MARK, after, { drainMs: 0, outlast: false })
}

/** Where every name that a route table of this plan may have sends its requests, once they have moved. */
export function targetsOf(plan: Plan): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...resolvePlan(plan).map(({ name, service }) => [name, service.url]),
    ...(plan.services ?? []).map(({ name, url }) => [`${MARK}${name}`, url]),
  ])
}

/** A table with exactly these services; the extractions stay as they are. */
function withServices(
  monolithUrl: string,
  services: readonly ServicePlan[],
): (table: RouteTable) => RouteTable {
  return (table) => ({
    ...table,
    monolith: monolithUrl,
    extractions: [
      ...table.extractions.filter(({ extraction }) => !extraction.startsWith(MARK)),
      ...services.map(
        ({ name, url, routes }): ExtractionRoutes => ({
          extraction: `${MARK}${name}`,
          target: url,
          routes,
          targetBuckets: BucketSet.all.toString(),
          hold: null,
          shadow: null,
        }),
      ),
    ],
  })
}
