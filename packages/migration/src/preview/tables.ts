import { createPool, type Pool, transaction } from '@banyan/postgres'
import { declaredLosses, streamObjectName, type TableSpec } from '@banyan/replication'
import type { ResolvedTables } from '../plan.ts'
import { canary, number, type StepPreview, shadowing, soak } from './steps.ts'

/**
 * The steps of rows that move; estimates and sequences are read where the databases can be reached.
 *
 * @param sourceUrl null: no database is asked.
 */
export async function tablesSteps(
  plan: ResolvedTables,
  sourceUrl: string | null,
): Promise<StepPreview[]> {
  const [source, target] =
    sourceUrl === null
      ? [null, null]
      : await Promise.all([
          look(sourceUrl, plan, 'source'),
          look(plan.service.databaseUrl, plan, 'target'),
        ])
  const back = `the same handover the other way, ${lost(plan)}: the reverse stream keeps the monolith up to date`
  return [
    install(plan, source, target),
    copy(plan, source),
    verifying(plan),
    ...shadowing(plan),
    ...plan.steps.map((_, i) =>
      canary(plan, i, {
        moves: (buckets) =>
          `handover of ${buckets} buckets from the monolith to the service; their writes are held, ${number(plan.handover.holdBudgetMs)} ms at most, up to ${plan.handover.attempts} attempts`,
        fails: [`more than ${plan.gates.divergentRows} rows differ`],
        waits: [`waits while a stream lags more than ${number(plan.gates.lagMs)} ms`],
        back,
      }),
    ),
    soak(plan, '; the reverse stream runs'),
    complete(plan, source),
    {
      step: 'cancel (instead of going on, while the monolith owns everything)',
      does: [
        ...removal(plan),
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
  extraction: ResolvedTables,
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

function install(plan: ResolvedTables, source: Seen | null, target: Seen | null): StepPreview {
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
function names(plan: ResolvedTables, side: 'source' | 'target'): string {
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

function copy(plan: ResolvedTables, source: Seen | null): StepPreview {
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

function mapping(table: ResolvedTables['tables'][number]): string {
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

function verifying(plan: ResolvedTables): StepPreview {
  return {
    step: 'verify',
    does: [
      'every row of both sides compared by hash while they change; a difference is looked at again before it counts',
      `goes on with at most ${plan.gates.divergentRows} rows that differ; more: it pauses and says which`,
      `goes on until the end, ${number(plan.verify.share * 100)} % of the time; all of it while a step waits`,
      'way back: banyan cancel',
    ],
  }
}

/** What the plan itself declares; what nothing is written back of, `banyan doctor` finds. */
function lost(plan: ResolvedTables): string {
  const losses = plan.tables.flatMap(declaredLosses)
  return losses.length === 0
    ? 'nothing lost'
    : `nothing lost but what the plan declares (${losses.join('; ')})`
}

function complete(plan: ResolvedTables, source: Seen | null): StepPreview {
  const sequenceNames = source?.sequences.length ? 'sequences' : 'sequences, if any,'
  return {
    step: 'complete',
    does: [
      ...(plan.completeAfter.length > 0
        ? [`waits until ${plan.completeAfter.join(', ')} is completed`]
        : []),
      ...removal(plan),
      `${sequenceNames} of the service draw from all numbers again`,
      `the routes stay with the service; ${names(plan, 'source')} at the monolith stand still and are not dropped`,
      'with the guards goes the refusal: whatever still writes those tables at the monolith writes into the void',
      `when nothing needs them any more: banyan archive ${plan.name} --to FOLDER, then banyan drop ${plan.name}`,
      'way back: none; from here on the service alone has the rows',
    ],
  }
}

function removal(plan: ResolvedTables): string[] {
  const names = [streamObjectName(plan.name, 'forward'), streamObjectName(plan.name, 'reverse')]
  return [
    `dropped in both databases: publications, slots and origins ${names.join(', ')}`,
    'dropped in both databases: the guards, the ownership rows, and the schema "banyan" with the last extraction',
  ]
}
