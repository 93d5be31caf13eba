import { type Pool, transaction } from '@banyan/postgres'
import {
  describeLoss,
  type Loss,
  proveRoundTrips,
  type ResolvedTable,
  resolveTables,
} from '@banyan/replication'
import { type Finding, finding } from './finding.ts'
import { READ_ONLY, type Scene } from './scene.ts'

/** The mapping as the engine will resolve it, table by table, so that every wrong one is told. */
export async function mappings(scene: Scene, source: Pool, target: Pool): Promise<Finding[]> {
  const found: Finding[] = []
  for (const table of scene.source.tables) {
    if (!scene.target.tables.some((other) => other.spec === table.spec)) continue
    try {
      // With those it shares rows with: a part is checked against its main one.
      const together = scene.extraction.tables.filter(
        (spec) => spec.source === table.spec.source || spec.target === table.spec.target,
      )
      const all = await transaction(
        source,
        (from) => transaction(target, (to) => resolveTables(from, to, together), READ_ONLY),
        READ_ONLY,
      )
      const resolved = all.find((one) => one.spec === table.spec)!
      found.push(...oneWay(resolved), ...(await roundTrip(resolved, source, target)))
    } catch (error) {
      found.push(
        finding(
          'mapping',
          'error',
          `${table.spec.source} -> ${table.spec.target}`,
          (error as Error).message,
          `Correct the entry of ${table.spec.source} under "tables" in the plan, or the table itself as the finding says.`,
        ),
      )
    }
  }
  return found
}

/** Whether what is computed comes back: tried on made-up values and on rows. */
async function roundTrip(table: ResolvedTable, source: Pool, target: Pool): Promise<Finding[]> {
  const trips = await proveRoundTrips(source, target, [table])
  const subject = `${table.spec.source} -> ${table.spec.target}`
  return trips.flatMap(({ columns, generated, sampled, losses }) =>
    columns.length === 0
      ? []
      : [
          finding(
            'mapping-round-trip',
            'note',
            subject,
            `${columns.join(', ')} tried there and back on ${generated} made-up rows and ${sampled} rows of the table: ${columns.length - losses.length} of ${columns.length} columns come back as they were.`,
            'Nothing to do.',
          ),
          ...losses.map((loss) => lossFinding(table, subject, loss)),
        ],
  )
}

function lossFinding(table: ResolvedTable, subject: string, loss: Loss): Finding {
  const reason = table.spec.oneWay?.[loss.column]
  return finding(
    'mapping-loses',
    reason === undefined ? 'error' : 'warning',
    subject,
    `"${loss.column}": ${describeLoss(loss)}.${reason === undefined ? '' : ` The plan declares it: ${reason}.`}`,
    reason === undefined
      ? 'Correct "forward" or "backward"; or say under "holds" which values there are; or declare under "oneWay" why a rollback may lose it.'
      : 'Nothing to do, if the reason still holds.',
  )
}

function oneWay(table: ResolvedTable): Finding[] {
  if (!table.oneWay) return []
  return [
    finding(
      'mapping-one-way',
      'warning',
      `${table.spec.source} -> ${table.spec.target}`,
      `A rollback would lose: ${table.oneWay.join('; ')}.`,
      'Say in the plan, under "backward", what fills those columns from the target’s.',
    ),
  ]
}
