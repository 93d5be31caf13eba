import { type Finding, finding } from './finding.ts'
import { oids, type SideView } from './scene.ts'

/** Sequences that fill moved columns: both sides draw from disjoint halves while the extraction runs. */
export const sequenceChecks = [sequences]

interface Sequence {
  readonly sequence: string
  readonly table: string
  readonly column: string
  readonly identity: string
  readonly cache: number
  readonly cycles: boolean
  readonly increment: number
  /** Share of the numbers that are used up, 0 to 1; null when it was never drawn from, or may not be read. */
  readonly used: number | null
  readonly columnType: string
  /** Unmoved tables that draw from it too. */
  readonly shared: string | null
}

const SEQUENCES = `
  WITH filling AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attnum
      FROM pg_depend d
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum
      FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
     WHERE d.refclassid = 'pg_class'::regclass
  )
  SELECT s.seqrelid::regclass::text AS sequence, f.relation::regclass::text AS table, a.attname::text AS column,
         a.attidentity AS identity, s.seqcache::float8 AS cache, s.seqcycle AS cycles, s.seqincrement::float8 AS increment,
         pg_sequence_last_value(s.seqrelid)::float8
           / least(s.seqmax, CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE s.seqmax END)::float8 AS used,
         format_type(a.atttypid, NULL) AS "columnType",
         (SELECT string_agg(DISTINCT o.relation::regclass::text, ', ') FROM filling o
           WHERE o.sequence = s.seqrelid AND NOT o.relation = ANY ($1::oid[])) AS shared
    FROM filling f
    JOIN pg_sequence s ON s.seqrelid = f.sequence
    JOIN pg_attribute a ON a.attrelid = f.relation AND a.attnum = f.attnum
   WHERE f.relation = ANY ($1::oid[])
   ORDER BY 1`

/** Two sides use the numbers up twice as fast, and whoever is past this share has little time. */
const NEARLY_FULL = 0.5

async function sequences(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<Sequence>(SEQUENCES, [oids(side)])
  return rows.flatMap((row) => [
    ...cache(side, row),
    ...cycle(side, row),
    ...increment(side, row),
    ...overflow(side, row),
    ...shared(side, row),
    ...identity(side, row),
  ])
}

function cache(side: SideView, { sequence, cache: size }: Sequence): Finding[] {
  if (size <= 1) return []
  return [
    finding(
      'sequence-cache',
      'error',
      `${side.name} sequence ${sequence}`,
      `CACHE ${size}: open sessions keep numbers they drew before the two sides were set apart, and would use one twice.`,
      `ALTER SEQUENCE ${sequence} CACHE 1; and reconnect the application's sessions.`,
    ),
  ]
}

function cycle(side: SideView, { sequence, cycles }: Sequence): Finding[] {
  if (!cycles) return []
  return [
    finding(
      'sequence-cycle',
      'error',
      `${side.name} sequence ${sequence}`,
      'CYCLE: after its end it begins again, in the other side’s half of the numbers.',
      `ALTER SEQUENCE ${sequence} NO CYCLE;`,
    ),
  ]
}

function increment(side: SideView, { sequence, increment: by }: Sequence): Finding[] {
  if (side.started || by > 0) return []
  return [
    finding(
      'sequence-descending',
      'error',
      `${side.name} sequence ${sequence}`,
      `INCREMENT ${by}: the two halves are arranged for rising sequences only.`,
      `ALTER SEQUENCE ${sequence} INCREMENT 1 MINVALUE 1 NO MAXVALUE RESTART WITH 1; (above every number in use)`,
    ),
  ]
}

function overflow(
  side: SideView,
  { sequence, table, column, used, columnType }: Sequence,
): Finding[] {
  if (used === null || used < NEARLY_FULL) return []
  return [
    finding(
      'sequence-overflow',
      'warning',
      `${side.name} sequence ${sequence}`,
      `${Math.round(used * 100)} % of its numbers are used (${column} is ${columnType}), and two sides use up the rest twice as fast.`,
      `ALTER TABLE ${table} ALTER COLUMN "${column}" TYPE bigint; ALTER SEQUENCE ${sequence} AS bigint;`,
    ),
  ]
}

function shared(side: SideView, { sequence, table, shared: others }: Sequence): Finding[] {
  if (others === null) return []
  return [
    finding(
      'sequence-shared',
      'warning',
      `${side.name} sequence ${sequence}`,
      `${others}, which stays, draws from it as well as ${table}: it gets every second number while the extraction runs.`,
      `CREATE SEQUENCE of its own for ${others}, and ALTER COLUMN … SET DEFAULT nextval('…').`,
    ),
  ]
}

function identity(side: SideView, row: Sequence): Finding[] {
  if (row.identity === '') return []
  const always = row.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'
  return [
    finding(
      'identity-column',
      'note',
      `${side.name} ${row.table}`,
      `"${row.column}" is GENERATED ${always} AS IDENTITY; rows that are copied or applied keep their numbers.`,
      'Nothing to do; let nothing else write the column.',
    ),
  ]
}
