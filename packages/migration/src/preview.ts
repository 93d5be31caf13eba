import { BucketSet } from '@banyan/contracts'
import { createPool, type Pool, transaction } from '@banyan/postgres'
import { declaredLosses, streamObjectName, type TableSpec } from '@banyan/replication'
import { type Plan, type ResolvedExtraction, resolveExtraction } from './plan.ts'

/** One step that an extraction will take, and what it does, in the order it does it. */
export interface StepPreview {
  readonly step: string
  readonly does: readonly string[]
}

/**
 * The steps an extraction will take, with every object by its name and every gate in numbers. Reads the
 * databases for estimates and sequences when they can be reached, and says so when they cannot.
 *
 * @throws BanyanError BAD_PLAN, NO_SUCH_EXTRACTION
 */
export async function previewSteps(plan: Plan, extraction: string): Promise<StepPreview[]> {
  const resolved = resolveExtraction(plan, extraction)
  const [source, target] = await Promise.all([
    look(plan.monolith.databaseUrl, resolved, 'source'),
    look(resolved.service.databaseUrl, resolved, 'target'),
  ])
  const { shadow } = resolved
  return [
    install(resolved, source, target),
    copy(resolved, source),
    verifying(resolved),
    ...(shadow.percent > 0 ? [shadowing(resolved)] : []),
    ...resolved.steps.map((_, i) => handover(resolved, i)),
    soak(resolved),
    complete(resolved, source),
    {
      step: 'cancel (instead of going on, while the monolith owns everything)',
      does: [
        ...removal(resolved),
        'sequences of the monolith draw from all numbers again',
        'rows that were copied stay in the service’s database; nothing reads them',
      ],
    },
  ]
}

/** What a database tells of an extraction; null when it could not be asked. */
interface Seen {
  /** Estimated rows by the plan's name of the table; null when it was never analysed or is not there. */
  readonly rows: ReadonlyMap<string, number | null>
  readonly sequences: readonly string[]
}

async function look(
  url: string,
  extraction: ResolvedExtraction,
  side: 'source' | 'target',
): Promise<Seen | null> {
  const pool = createPool(url, { name: 'banyan/plan', max: 1, statementTimeoutMs: 5_000 })
  try {
    const names = extraction.tables.map((table) => table[side])
    return {
      rows: new Map(
        (await ask<{ name: string; rows: number | null }>(pool, ESTIMATES, names)).map((one) => [
          one.name,
          one.rows,
        ]),
      ),
      sequences: (await ask<{ sequence: string }>(pool, SEQUENCES, names)).map(
        (one) => one.sequence,
      ),
    }
  } catch {
    return null
  } finally {
    await pool.end()
  }
}

const ESTIMATES = `
  SELECT given AS name,
         (SELECT nullif(sum(greatest(c.reltuples, 0)), 0)::float8 FROM pg_class c
           WHERE c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(given)) WHERE isleaf
                           UNION SELECT to_regclass(given))) AS rows
    FROM unnest($1::text[]) AS given`

const SEQUENCES = `
  SELECT DISTINCT s.oid::regclass::text AS sequence
    FROM unnest($1::text[]) AS given
    JOIN pg_attrdef f ON f.adrelid = to_regclass(given)
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
   UNION
  SELECT s.oid::regclass::text
    FROM unnest($1::text[]) AS given
    JOIN pg_depend d ON d.refobjid = to_regclass(given) AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
   ORDER BY 1`

async function ask<T>(pool: Pool, sql: string, names: readonly string[]): Promise<T[]> {
  const answer = await transaction(pool, (client) => client.query(sql, [names]), 'BEGIN READ ONLY')
  return answer.rows as T[]
}

function install(plan: ResolvedExtraction, source: Seen | null, target: Seen | null): StepPreview {
  const stream = (name: 'forward' | 'reverse') => streamObjectName(plan.name, name)
  return {
    step: 'install',
    does: [
      'in both databases: schema "banyan" with the ownership of 1,024 buckets (the monolith owns all of them)',
      ...new Set(
        plan.tables.flatMap((table) => [
          `monolith: triggers "~banyan_guard_…" and "~banyan_truncate_…" on ${table.source} (${byOwner(table.owner)})`,
          `service: the same on ${table.target}`,
        ]),
      ),
      `monolith: publication and slot ${stream('forward')} for ${names(plan, 'source')}`,
      `service: publication and slot ${stream('reverse')} for ${names(plan, 'target')} (after the copy)`,
      `replication origins of the same names: ${stream('forward')} at the service, ${stream('reverse')} at the monolith`,
      sequences(source, target),
      'way back: banyan cancel takes all of it away',
    ],
  }
}

/** A table that several entries of the plan share is named once. */
function names(plan: ResolvedExtraction, side: 'source' | 'target'): string {
  return [...new Set(plan.tables.map((table) => table[side]))].join(', ')
}

function byOwner(owner: TableSpec['owner']): string {
  if (owner === null) return 'the table as one bucket'
  return `buckets by ${typeof owner === 'string' ? owner : `the owner of ${owner.parent}`}`
}

function sequences(source: Seen | null, target: Seen | null): string {
  if (!source || !target) {
    return 'sequences that fill moved columns: increment doubled, the two sides on different halves (databases not reached: names unknown)'
  }
  if (source.sequences.length === 0) return 'no sequence fills a moved column: none is changed'
  return `sequences ${source.sequences.join(', ')} (monolith) and ${target.sequences.join(', ') || 'none'} (service): increment doubled, the two sides on different halves`
}

function copy(plan: ResolvedExtraction, source: Seen | null): StepPreview {
  const limit = Number.isFinite(plan.copyRowsPerSecond)
    ? `at most ${number(plan.copyRowsPerSecond)} rows/s`
    : 'without a limit on rows/s'
  return {
    step: 'copy',
    does: [
      ...plan.tables.map((table) => {
        const rows = source?.rows.get(table.source)
        const about = source
          ? rows
            ? `about ${number(rows)} rows`
            : 'rows not known: never analysed'
          : 'rows not known: database not reached'
        return `${table.source} -> ${table.target}: ${about}${mapping(table)}`
      }),
      'before it: what is computed or changes its type is tried there and back on made-up values and a sample of rows; what does not come back, and is not declared under "oneWay", refuses the start',
      `in chunks by key, ${limit}; changes meanwhile follow by the stream`,
      'way back: banyan cancel; users notice nothing of this step',
    ],
  }
}

function mapping(table: ResolvedExtraction['tables'][number]): string {
  const renamed = Object.entries(table.forward ?? {}).filter(([to, from]) => to !== from)
  const folded = table.fold ? `; its rows become elements of "${table.fold.into}"` : ''
  if (renamed.length === 0) return folded
  return `${folded}; ${renamed.map(([to, from]) => `${to} <- ${typeof from === 'string' ? from : excerpt(from.sql)}`).join(', ')}`
}

/** A long expression (a CASE over a catalogue) is in the plan; here it only has to be recognised. */
function excerpt(sql: string): string {
  const LONGEST = 60
  return sql.length <= LONGEST ? sql : `${sql.slice(0, LONGEST)}…`
}

function verifying(plan: ResolvedExtraction): StepPreview {
  return {
    step: 'verify',
    does: [
      'every row of both sides compared by hash while they change; a difference is looked at again before it counts',
      `goes on with at most ${plan.gates.divergentRows} rows that differ; more: it pauses and says which`,
      'repeated every 30 s while users are on the service',
      'way back: banyan cancel',
    ],
  }
}

function shadowing(plan: ResolvedExtraction): StepPreview {
  const { percent, minimumCompared, ignore } = plan.shadow
  return {
    step: `shadow ${percent} %`,
    does: [
      `${percent} % of the reads are sent to the service as well, and the answers compared; users get the monolith's`,
      ...(ignore.length > 0 ? [`left out of the comparison: ${ignore.join(', ')}`] : []),
      `waits for ${number(minimumCompared)} comparisons and a lag of at most ${number(plan.gates.lagMs)} ms`,
      `goes on with at most ${share(plan.gates.shadowDifference)} of them different; more: it pauses`,
      'way back: banyan cancel',
    ],
  }
}

function handover(plan: ResolvedExtraction, index: number): StepPreview {
  const step = plan.steps[index]!
  const before = plan.steps[index - 1]?.percent ?? 0
  const { gates } = plan
  const count = BucketSet.share(step.percent).size - BucketSet.share(before).size
  const last = step.percent === 100
  return {
    step: last ? 'cut over (100 %)' : `canary ${step.percent} %`,
    does: [
      `handover of ${number(count)} of 1,024 buckets from the monolith to the service; their writes are held, ${number(plan.handover.holdBudgetMs)} ms at most, up to ${plan.handover.attempts} attempts`,
      `watched for ${number(step.seconds)} s and ${number(gates.minimumRequests)} requests at the service`,
      `rolls back by itself when more than ${share(gates.errorRate)} of the service's answers are 5xx, its p95 is above ${gates.latencyRatio} times the monolith's (never judged below 20 ms), or more than ${gates.divergentRows} rows differ`,
      `waits while a stream lags more than ${number(gates.lagMs)} ms`,
      ...(last ? [`watched for another ${number(step.seconds)} s, cut over`] : []),
      ...(step.next === 'manual' && !last ? ['then waits for: banyan promote'] : []),
      `way back: banyan rollback; the same handover the other way, ${lost(plan)}: the reverse stream keeps the monolith up to date`,
    ],
  }
}

/** What the plan itself declares; what nothing is written back of, `banyan doctor` finds. */
function lost(plan: ResolvedExtraction): string {
  const losses = plan.tables.flatMap(declaredLosses)
  return losses.length === 0
    ? 'nothing lost'
    : `nothing lost but what the plan declares (${losses.join('; ')})`
}

function soak(plan: ResolvedExtraction): StepPreview {
  return {
    step: 'soak',
    does: [
      `the service owns everything for ${number(plan.soakSeconds)} s, under the same gates; the reverse stream runs`,
      'then waits for: banyan complete',
      'way back: banyan rollback, as before',
    ],
  }
}

function complete(plan: ResolvedExtraction, source: Seen | null): StepPreview {
  const sequenceNames = source?.sequences.length ? 'sequences' : 'sequences, if any,'
  return {
    step: 'complete',
    does: [
      ...removal(plan),
      `${sequenceNames} of the service draw from all numbers again`,
      `the routes stay with the service; ${names(plan, 'source')} at the monolith stand still and are not dropped`,
      'with the guards goes the refusal: whatever still writes those tables at the monolith writes into the void',
      'way back: none; from here on the service alone has the rows',
    ],
  }
}

function removal(plan: ResolvedExtraction): string[] {
  const names = [streamObjectName(plan.name, 'forward'), streamObjectName(plan.name, 'reverse')]
  return [
    `dropped in both databases: publications, slots and origins ${names.join(', ')}`,
    'dropped in both databases: the guards, the ownership rows, and the schema "banyan" with the last extraction',
  ]
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

function share(value: number): string {
  return `${Number((value * 100).toFixed(3))} %`
}
