import {
  type Plan,
  type ResolvedExtraction,
  type ResolvedTables,
  resolveExtraction,
} from '../plan.ts'
import { activityChecks } from './activity.ts'
import { bulkChecks } from './bulk.ts'
import { bySeverity, type Finding, finding } from './finding.ts'
import { keyChecks } from './keys.ts'
import { mappings } from './mapping.ts'
import { objectsReach } from './objects.ts'
import { ownerChecks } from './owners.ts'
import { publicationChecks } from './publications.ts'
import { controlDatabase, databaseReach, httpReach } from './reach.ts'
import { readerChecks } from './readers.ts'
import { referenceChecks } from './references.ts'
import { indexReach, withoutShadow } from './requests.ts'
import { roleChecks } from './role.ts'
import { routeOwners } from './routes.ts'
import { doctorPool, type Scene, type SideView, viewSide } from './scene.ts'
import { sequenceChecks } from './sequences.ts'
import { databaseIdentity, databasesDiffer, serverChecks, serverVersion } from './server.ts'
import { tableChecks } from './tables.ts'
import { leftBehind, targetChecks } from './target.ts'
import { triggerChecks } from './triggers.ts'
import { uniqueChecks } from './uniques.ts'

/** Looks at one side, with the whole scene at hand. */
type SideCheck = (side: SideView, scene: Scene) => Promise<Finding[]>

const SIDE_CHECKS: readonly SideCheck[] = [
  ...serverChecks,
  ...roleChecks,
  ...tableChecks,
  ...keyChecks,
  ...ownerChecks,
  ...uniqueChecks,
  ...referenceChecks,
  ...triggerChecks,
  ...readerChecks,
  ...sequenceChecks,
  ...publicationChecks,
  ...targetChecks,
  ...bulkChecks,
  ...activityChecks,
]

/**
 * Looks for everything that would spoil an extraction, before it starts. Reads only: every query runs
 * in a READ ONLY transaction of at most 10 s.
 *
 * @returns what was found, errors first; empty when nothing was.
 * @throws BanyanError BAD_PLAN, NO_SUCH_EXTRACTION
 */
export async function diagnose(plan: Plan, extraction: string): Promise<Finding[]> {
  const resolved = resolveExtraction(plan, extraction)
  const http = attempt('http', httpReach(plan, resolved))
  const found =
    resolved.kind === 'tables'
      ? await diagnoseTables(plan, resolved)
      : await diagnoseRequests(plan, resolved)
  if ('objects' in resolved) {
    found.push(...(await objectsReach(resolved, plan.monolith.databaseUrl)))
  }
  found.push(...(await http))
  // A table that several entries of the plan share is looked at for each.
  const once = new Map(found.map((one) => [JSON.stringify(one), one]))
  return [...once.values()].sort(bySeverity)
}

async function diagnoseTables(plan: Plan, resolved: ResolvedTables): Promise<Finding[]> {
  const urls = {
    source: plan.monolith.databaseUrl,
    target: resolved.service.databaseUrl,
    control: plan.control.databaseUrl,
  }
  const pools = {
    source: doctorPool(urls.source),
    target: doctorPool(urls.target),
    control: doctorPool(urls.control),
  }
  try {
    const [source, target, control] = await Promise.all(
      (['source', 'target', 'control'] as const).map((name) =>
        databaseReach(pools[name], name, urls[name]),
      ),
    )
    const found = [source, target, control].filter((one) => one !== null && one !== undefined)
    found.push(...routeOwners(resolved))
    if (!source && !target) found.push(...(await lookAround(plan, resolved, pools, !control)))
    return found
  } finally {
    await Promise.all(Object.values(pools).map((pool) => pool.end()))
  }
}

/** Where no rows move, neither side's database is looked at: nothing of ours comes near it. */
async function diagnoseRequests(
  plan: Plan,
  resolved: Exclude<ResolvedExtraction, ResolvedTables>,
): Promise<Finding[]> {
  const pool = doctorPool(plan.control.databaseUrl)
  try {
    const unreachable = await databaseReach(pool, 'control', plan.control.databaseUrl)
    const found = unreachable
      ? [unreachable]
      : await attempt('control-database', controlDatabase(pool, []))
    found.push(...withoutShadow(resolved))
    if (resolved.kind === 'index') found.push(...(await indexReach(resolved)))
    return found
  } finally {
    await pool.end()
  }
}

async function lookAround(
  plan: Plan,
  extraction: ResolvedTables,
  pools: Record<'source' | 'target' | 'control', ReturnType<typeof doctorPool>>,
  controlReachable: boolean,
): Promise<Finding[]> {
  const [source, target] = await Promise.all([
    viewSide(pools.source, 'source', extraction),
    viewSide(pools.target, 'target', extraction),
  ])
  const scene: Scene = { plan, extraction, source, target }
  const found: Finding[] = []
  const run = async (name: string, work: Promise<Finding[]>) => {
    found.push(...(await attempt(name, work)))
  }
  for (const side of [source, target]) found.push(...(await serverVersion(side)))
  // The other checks ask what an older server does not know.
  if (found.some((one) => one.severity === 'error')) return found
  await run('same-database', databasesDiffer(scene))
  if (controlReachable) {
    const identities = Promise.all([source, target].map(databaseIdentity))
    await run(
      'control-database',
      identities.then((others) => controlDatabase(pools.control, others)),
    )
  }
  for (const side of [source, target]) {
    for (const check of SIDE_CHECKS) await run(`${side.name} ${check.name}`, check(side, scene))
    await run(`${side.name} left-behind`, leftBehind(side, pools[side.name]))
  }
  await run('mapping', mappings(scene, pools.source, pools.target))
  return found
}

/** A check that cannot run (a right is missing, a query takes too long) is told, not fatal. */
async function attempt(name: string, work: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work
  } catch (error) {
    return [
      finding(
        'check-failed',
        'warning',
        name,
        `This check could not run: ${(error as Error).message}.`,
        'Give the role what is missing (GRANT pg_monitor TO it reads most of it), or look by hand, and run doctor again.',
      ),
    ]
  }
}
