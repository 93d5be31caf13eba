import type { Queryable } from '@banyan/postgres'
import { effectsOf, routinesOf, tablesOf } from '../doctor/routines.ts'
import type { MovedTables } from '../plan.ts'
import type { Phase } from '../status.ts'
import { findTables, type OldTable, sequencesOf } from './definition.ts'

/** Something that would not work without the tables. */
export interface Dependent {
  readonly what: string
  /** `text`: a function's text names a table, which may mean another one, or be dead. */
  readonly known: 'catalogue' | 'text' | 'plan'
  readonly mend: string
}

/** What a drop would do. */
export interface DropPreview {
  /** Estimated rows; bytes with indexes. */
  readonly tables: readonly {
    readonly table: string
    readonly rows: number
    readonly bytes: number
  }[]
  readonly missing: readonly string[]
  /** What goes with them. */
  readonly takes: readonly string[]
  /** What has no use without them, and stays. */
  readonly leaves: readonly string[]
  readonly dependents: readonly Dependent[]
  readonly sql: string | null
}

/** Another extraction of the plan, and where it stands. */
export interface Neighbour {
  readonly plan: MovedTables
  readonly phase: Phase
}

/** Reads what dropping the source's tables of an extraction would do, and what stands against it. */
export async function previewDrop(
  db: Queryable,
  plan: MovedTables,
  neighbours: readonly Neighbour[],
): Promise<DropPreview> {
  const { tables, missing } = await findTables(
    db,
    plan.tables.map((table) => table.source),
  )
  const oids = tables.map((table) => table.oid)
  const owned = await sequencesOf(db, oids)
  const gone = [...oids, ...owned.map((sequence) => sequence.oid)]
  const [sizes, takes, catalogue] = [
    await db.query<DropPreview['tables'][number]>(SIZES, [oids]),
    await db.query<{ what: string }>(TAKES, [oids]),
    await db.query<{ what: string; mend: string }>(DEPENDENTS, [gone]),
  ]
  const byText = await routinesNaming(db, oids)
  return {
    tables: sizes.rows,
    missing,
    takes: [...takes.rows.map(({ what }) => what), ...owned.map(({ name }) => `sequence ${name}`)],
    leaves: byText.leaves,
    dependents: [
      ...usedByOthers(plan, neighbours),
      ...catalogue.rows.map((one) => ({ ...one, known: 'catalogue' as const })),
      ...byText.dependents,
    ],
    sql: dropStatement(tables),
  }
}

/** Partitions go with their table. Nothing that depends on them: PostgreSQL has the last word. */
function dropStatement(tables: readonly OldTable[]): string | null {
  const names = tables.filter(({ parent }) => !parent).map(({ name }) => name)
  return names.length > 0 ? `DROP TABLE ${names.join(', ')} RESTRICT` : null
}

const SIZES = `
  SELECT format('%I.%I', n.nspname, c.relname) AS table, greatest(c.reltuples, 0)::float8 AS rows,
         pg_total_relation_size(c.oid)::float8 AS bytes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = ANY ($1::oid[]) ORDER BY 1`

const TAKES = `
  SELECT what FROM (
    SELECT 1 AS step, format('trigger %I of %s', tgname, tgrelid::regclass) AS what FROM pg_trigger
     WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgparentid = 0
    UNION ALL
    SELECT 2, format('policy %I of %s', polname, polrelid::regclass) FROM pg_policy WHERE polrelid = ANY ($1::oid[])
    UNION ALL
    SELECT 3, format('%s index%s of %s', count(*), CASE WHEN count(*) = 1 THEN '' ELSE 'es' END, indrelid::regclass)
      FROM pg_index WHERE indrelid = ANY ($1::oid[]) GROUP BY indrelid) AS one
   ORDER BY step, what`

/** By pg_depend: of the tables, their row types and the sequences that go with them. */
const DEPENDENTS = `
  WITH refs AS (
    SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
     WHERE d.deptype = 'n'
       AND ((d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::oid[]))
         OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
              SELECT t.oid FROM pg_type t WHERE t.typrelid = ANY ($1::oid[])
              UNION SELECT t.typarray FROM pg_type t WHERE t.typrelid = ANY ($1::oid[]))))
  ), views AS (
    SELECT DISTINCT c.relkind, r.rulename, format('%I.%I', n.nspname, c.relname) AS name
      FROM refs JOIN pg_rewrite r ON refs.classid = 'pg_rewrite'::regclass AND r.oid = refs.objid
      JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT c.oid = ANY ($1::oid[])
  )
  SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE format('rule %I of ', rulename) END || name AS what,
         CASE relkind WHEN 'v' THEN format('let its readers ask the service, then DROP VIEW %s;', name)
              WHEN 'm' THEN format('let its readers ask the service, then DROP MATERIALIZED VIEW %s;', name)
              ELSE format('DROP RULE %I ON %s;', rulename, name) END AS mend
    FROM views
  UNION ALL
  SELECT format('foreign key %I of %s', conname, conrelid::regclass),
         format('ALTER TABLE %s DROP CONSTRAINT %I;', conrelid::regclass, conname)
    FROM pg_constraint
   WHERE contype = 'f' AND conparentid = 0 AND confrelid = ANY ($1::oid[]) AND NOT conrelid = ANY ($1::oid[])
  UNION ALL
  SELECT format('publication %I', pubname), format('ALTER PUBLICATION %I DROP TABLE %s;', pubname, prrelid::regclass)
    FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = ANY ($1::oid[])
  UNION ALL
  SELECT DISTINCT pg_describe_object(refs.classid, refs.objid, refs.objsubid), 'change or drop it first'
    FROM refs
   WHERE refs.classid NOT IN ('pg_rewrite'::regclass, 'pg_publication_rel'::regclass, 'pg_trigger'::regclass)
     AND NOT (refs.classid = 'pg_class'::regclass AND refs.objid = ANY ($1::oid[]))
     AND NOT EXISTS (SELECT FROM pg_constraint c WHERE refs.classid = 'pg_constraint'::regclass AND c.oid = refs.objid
                        AND (c.conrelid = ANY ($1::oid[]) OR c.contype = 'f'))
     AND NOT EXISTS (SELECT FROM pg_attrdef a WHERE refs.classid = 'pg_attrdef'::regclass AND a.oid = refs.objid
                        AND a.adrelid = ANY ($1::oid[]))
     AND NOT EXISTS (SELECT FROM pg_policy p WHERE refs.classid = 'pg_policy'::regclass AND p.oid = refs.objid
                        AND p.polrelid = ANY ($1::oid[]))
   ORDER BY 1`

/** Functions have no record of what they read: their texts are searched, as the doctor does. */
async function routinesNaming(
  db: Queryable,
  oids: readonly number[],
): Promise<{ dependents: Dependent[]; leaves: string[] }> {
  const side = {
    rows: async <T>(sql: string, values: readonly unknown[] = []) =>
      (await db.query(sql, [...values])).rows as T[],
  }
  const [all, tables] = [await routinesOf(side), await tablesOf(side)]
  const moved = tables.filter((table) => oids.includes(table.oid))
  const { rows: hung } = await db.query<{ routine: number; elsewhere: boolean }>(
    `SELECT tgfoid AS routine, bool_or(NOT tgrelid = ANY ($1::oid[])) AS elsewhere
       FROM pg_trigger WHERE NOT tgisinternal GROUP BY tgfoid`,
    [oids],
  )
  const dependents: Dependent[] = []
  const leaves: string[] = []
  for (const routine of all) {
    const hangs = hung.find((one) => one.routine === routine.oid)
    if (hangs && !hangs.elsewhere) {
      leaves.push(`function ${routine.signature}, which only their triggers call`)
      continue
    }
    const effects = effectsOf(routine, all, moved)
    if (effects.length === 0) continue
    const names = effects.map(({ table }) => table.quoted).join(', ')
    dependents.push({
      what: `function ${routine.signature}, whose text names ${names}`,
      known: 'text',
      mend: `let its callers ask the service, then DROP FUNCTION ${routine.signature};`,
    })
  }
  return { dependents, leaves }
}

/** Tables that another extraction moves too (a split over services), or still has to. */
function usedByOthers(plan: MovedTables, neighbours: readonly Neighbour[]): Dependent[] {
  const mine = new Set(plan.tables.map((table) => table.source))
  return neighbours.flatMap((other) => {
    const shared = other.plan.tables.filter((table) => mine.has(table.source))
    if (other.plan.name === plan.name || shared.length === 0 || other.phase === 'completed')
      return []
    const names = [...new Set(shared.map((table) => table.source))].join(', ')
    return {
      what: `extraction ${other.plan.name}, which is ${other.phase} and moves ${names}`,
      known: 'plan',
      mend: `banyan complete ${other.plan.name}`,
    }
  })
}
