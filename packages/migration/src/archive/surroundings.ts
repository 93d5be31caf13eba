import type { Queryable } from '@banyan/postgres'
import type { Probe, Statement } from './manifest.ts'

/** A statement, and the schema that what it makes stands in. */
type InSchema = Statement & { readonly schema: string }

interface TypeRow {
  readonly name: string
  readonly schema: string
  /** As in pg_type: e (enum), d (domain), and others. */
  readonly kind: string
  readonly extension: string | null
  readonly labels: readonly string[]
  readonly domain: string | null
}

/** Types of columns that are not PostgreSQL's own: enums and domains are made, others have to be there. */
export async function typesOf(
  db: Queryable,
  oids: readonly number[],
): Promise<{ statements: InSchema[]; requires: Probe[] }> {
  const { rows } = await db.query<TypeRow>(TYPES, [oids])
  const statements: InSchema[] = []
  const requires: Probe[] = []
  for (const { name, schema, kind, extension, labels, domain } of rows) {
    const unless: Probe = { kind: 'type', name }
    const make = (sql: string) =>
      statements.push({ what: `type ${name}`, sql, when: 'before', unless, schema })
    if (extension) make(`CREATE EXTENSION ${extension} SCHEMA ${schema}`)
    else if (kind === 'e') make(`CREATE TYPE ${name} AS ENUM (${labels.join(', ')})`)
    else if (kind === 'd') make(domain!)
    else requires.push(unless)
  }
  return { statements, requires }
}

const TYPES = `
  WITH RECURSIVE used AS (
    SELECT a.atttypid AS oid FROM pg_attribute a WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
     UNION
    -- Of an array its elements, of a domain what it is made of.
    SELECT x.oid FROM used JOIN pg_type t ON t.oid = used.oid
     CROSS JOIN LATERAL (SELECT t.typelem AS oid WHERE t.typcategory = 'A' UNION SELECT t.typbasetype) x
     WHERE x.oid <> 0
  )
  SELECT format_type(t.oid, NULL) AS name, quote_ident(n.nspname) AS schema, t.typtype AS kind,
         (SELECT quote_ident(e.extname) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
           WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') AS extension,
         ARRAY(SELECT quote_literal(enumlabel) FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels,
         CASE WHEN t.typtype = 'd' THEN
           concat_ws(' ', 'CREATE DOMAIN', format_type(t.oid, NULL), 'AS', format_type(t.typbasetype, t.typtypmod),
             CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE ' || (
               SELECT format('%I.%I', cn.nspname, c.collname) FROM pg_collation c
                 JOIN pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = t.typcollation) END,
             'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END,
             (SELECT string_agg(format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), ' ' ORDER BY conname)
                FROM pg_constraint WHERE contypid = t.oid AND contype = 'c')) END AS domain
    FROM used JOIN pg_type t ON t.oid = used.oid
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_type b ON b.oid = t.typbasetype
   WHERE n.nspname <> 'pg_catalog' AND NOT (t.typcategory = 'A' AND t.typelem <> 0)
   -- What a domain is made of comes before it; so many steps deep nobody nests them.
   ORDER BY t.typtype = 'd', t.oid`

interface RoutineRow {
  readonly name: string
  readonly schema: string
  readonly sql: string
}

/** The application's functions that triggers, defaults, checks, indexes and policies of these tables call. */
export async function routinesOf(db: Queryable, oids: readonly number[]): Promise<InSchema[]> {
  const { rows } = await db.query<RoutineRow>(ROUTINES, [oids])
  return rows.map(({ name, schema, sql }) => ({
    what: `function ${name}`,
    sql,
    when: 'before',
    unless: { kind: 'routine', name },
    schema,
  }))
}

const ROUTINES = `
  SELECT DISTINCT p.oid, p.oid::regprocedure::text AS name, quote_ident(n.nspname) AS schema, pg_get_functiondef(p.oid) AS sql
    FROM (SELECT 'pg_trigger'::regclass AS class, oid FROM pg_trigger
           WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgname NOT LIKE '~banyan\\_%'
          UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY ($1::oid[])
          UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY ($1::oid[])
          UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[])
          UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = ANY ($1::oid[])) AS on_them
    JOIN pg_depend d ON d.classid = on_them.class AND d.objid = on_them.oid AND d.refclassid = 'pg_proc'::regclass
    JOIN pg_proc p ON p.oid = d.refobjid AND p.prokind = 'f'
    JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname NOT IN ('pg_catalog', 'banyan')
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
   ORDER BY 2`
