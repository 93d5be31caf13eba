import {
  BucketSet,
  type ExtractionRoutes,
  type Hold,
  type RouteTable,
  type ShadowSetting,
} from '@banyan/contracts'
import type { ResolvedExtraction } from './plan.ts'

/** The routes of an extraction that nothing has moved of yet. */
function initial(plan: ResolvedExtraction): ExtractionRoutes {
  return {
    extraction: plan.name,
    target: plan.service.url,
    routes: plan.routes,
    targetBuckets: BucketSet.none.toString(),
    hold: null,
    shadow: null,
  }
}

/** What a change may set; everything else of the extraction's routes stays. */
export interface RoutesChange {
  /** The target's buckets, out of those it had. */
  readonly targetBuckets?: (before: BucketSet) => BucketSet
  readonly hold?: Hold | null
  readonly shadow?: ShadowSetting | null
}

/** A table with one extraction's routes changed, added when they were missing. */
export function withRoutes(
  monolithUrl: string,
  plan: ResolvedExtraction,
  change: RoutesChange,
): (table: RouteTable) => RouteTable {
  return (table) => {
    const before = table.extractions.find((one) => one.extraction === plan.name) ?? initial(plan)
    const { targetBuckets, ...rest } = change
    const after: ExtractionRoutes = {
      ...before,
      target: plan.service.url,
      routes: plan.routes,
      ...rest,
      ...(targetBuckets
        ? { targetBuckets: targetBuckets(BucketSet.parse(before.targetBuckets)).toString() }
        : {}),
    }
    return {
      ...table,
      monolith: monolithUrl,
      extractions: [...table.extractions.filter((one) => one.extraction !== plan.name), after],
    }
  }
}

/** A table without an extraction's routes: its requests go to the monolith like any other. */
export function withoutRoutes(
  monolithUrl: string,
  name: string,
): (table: RouteTable) => RouteTable {
  return (table) => ({
    ...table,
    monolith: monolithUrl,
    extractions: table.extractions.filter((one) => one.extraction !== name),
  })
}

/** The routes of an extraction in a table. */
export function routesOf(table: RouteTable | null, name: string): ExtractionRoutes | null {
  return table?.extractions.find((one) => one.extraction === name) ?? null
}
