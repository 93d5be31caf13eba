import type { Queryable } from '@banyan/postgres'
import type { OldTable } from './definition.ts'
import type { Probe, Statement } from './manifest.ts'

interface Row {
  readonly what: string
  readonly sql: string
  readonly table?: string | null
  readonly roles?: readonly string[] | null
}

/** All that hangs on tables, in the order in which it can be made once their rows are there. */
export async function attachedTo(db: Queryable, tables: readonly OldTable[]): Promise<Statement[]> {
  const oids = tables.map((table) => table.oid)
  const own = new Set(tables.map((table) => table.name))
  const read = async (sql: string) =>
    (await db.query<Row>(sql, [oids])).rows.map((row) => statementOf(row, own))
  const found: Statement[] = await read(CHECKS)
  for (const { name, parent, bound } of tables) {
    if (!parent) continue
    found.push({
      what: `partition ${name} of ${parent}`,
      sql: `ALTER TABLE ONLY ${parent} ATTACH PARTITION ${name} ${bound}`,
      when: 'after',
    })
  }
  for (const sql of [KEYS, INDEXES, STATISTICS, IDENTITIES, REFERENCES, TRIGGERS, RULES]) {
    found.push(...(await read(sql)))
  }
  for (const sql of [POLICIES, COMMENTS, GRANTS]) found.push(...(await read(sql)))
  return found
}

function statementOf({ what, sql, table, roles }: Row, own: ReadonlySet<string>): Statement {
  const needs: Probe[] = (roles ?? []).map((name) => ({ kind: 'role', name }))
  if (table && !own.has(table)) needs.push({ kind: 'table', name: table })
  return { what, sql, when: 'after', ...(needs.length > 0 ? { needs } : {}) }
}

/** `$table`, as SQL names it. */
const named = (oid: string) =>
  `(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`

const constraints = (types: string, where: string, more = '') => `
  SELECT format('constraint %I of %s', conname, ${named('conrelid')}) AS what,
         format('ALTER TABLE %s ADD CONSTRAINT %I %s', ${named('conrelid')}, conname, pg_get_constraintdef(oid)) AS sql${more}
    FROM pg_constraint
   WHERE conrelid = ANY ($1::oid[]) AND contype IN (${types}) AND ${where}
   ORDER BY contype <> 'p', 1`

/** A partition's too where its table has the same: it must be there before it is attached. */
const CHECKS = constraints(`'c'`, 'true')
const KEYS = constraints(`'p', 'u', 'x'`, 'conparentid = 0')
const REFERENCES = constraints(`'f'`, 'conparentid = 0', `, ${named('confrelid')} AS table`)

const INDEXES = `
  SELECT format('index %s of %s', indexrelid::regclass, ${named('indrelid')}) AS what,
         -- Made on a partitioned table, it is made on its partitions.
         regexp_replace(pg_get_indexdef(indexrelid), '^(CREATE (UNIQUE )?INDEX .*? ON) ONLY ', '\\1 ') AS sql
    FROM pg_index i
   WHERE indrelid = ANY ($1::oid[])
     AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
     AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)
   ORDER BY 1`

const STATISTICS = `
  SELECT format('statistics %I of %s', stxname, ${named('stxrelid')}) AS what, pg_get_statisticsobjdef(oid) AS sql
    FROM pg_statistic_ext WHERE stxrelid = ANY ($1::oid[]) ORDER BY 1`

const IDENTITIES = `
  SELECT format('replica identity of %s', ${named('r.oid')}) AS what,
         format('ALTER TABLE ONLY %s REPLICA IDENTITY %s', ${named('r.oid')},
                CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                     ELSE (SELECT format('USING INDEX %I', i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                            WHERE x.indrelid = r.oid AND x.indisreplident) END) AS sql
    FROM pg_class r WHERE r.oid = ANY ($1::oid[]) AND relreplident <> 'd' ORDER BY 1`

const TRIGGERS = `
  SELECT format('trigger %I of %s', tgname, ${named('tgrelid')}) AS what,
         pg_get_triggerdef(oid) || CASE tgenabled WHEN 'O' THEN '' ELSE
           format(E';\\nALTER TABLE %s %s TRIGGER %I', ${named('tgrelid')},
                  CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, tgname) END AS sql
    FROM pg_trigger
   WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgparentid = 0 AND tgname NOT LIKE '~banyan\\_%'
   ORDER BY 1`

const RULES = `
  SELECT format('rule %I of %s', rulename, ${named('ev_class')}) AS what, pg_get_ruledef(oid) AS sql
    FROM pg_rewrite WHERE ev_class = ANY ($1::oid[]) AND rulename <> '_RETURN' ORDER BY 1`

/** Row security goes on though a policy's role is missing: then fewer see its rows, not more. */
const POLICIES = `
  SELECT format('row security of %s', ${named('r.oid')}) AS what,
         format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', ${named('r.oid')}) ||
           CASE WHEN relforcerowsecurity THEN format(E';\\nALTER TABLE %s FORCE ROW LEVEL SECURITY', ${named('r.oid')}) ELSE '' END AS sql,
         NULL::text[] AS roles, 0 AS step
    FROM pg_class r WHERE r.oid = ANY ($1::oid[]) AND relrowsecurity
   UNION ALL
  SELECT format('policy %I of %s', polname, ${named('polrelid')}),
         format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', polname, ${named('polrelid')},
                CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                (SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(polroles) role),
                ' USING (' || pg_get_expr(polqual, polrelid) || ')', ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')'),
         ARRAY(SELECT quote_ident(pg_get_userbyid(role)) FROM unnest(polroles) role WHERE role <> 0), 1
    FROM pg_policy WHERE polrelid = ANY ($1::oid[])
   ORDER BY step, what`

const COMMENTS = `
  SELECT format('comment on %s', ${named('objoid')}) || coalesce('.' || a.attname, '') AS what,
         CASE WHEN a.attname IS NULL THEN format('COMMENT ON TABLE %s IS %L', ${named('objoid')}, description)
              ELSE format('COMMENT ON COLUMN %s.%I IS %L', ${named('objoid')}, a.attname, description) END AS sql
    FROM pg_description LEFT JOIN pg_attribute a ON a.attrelid = objoid AND a.attnum = objsubid AND objsubid > 0
   WHERE classoid = 'pg_class'::regclass AND objoid = ANY ($1::oid[]) ORDER BY 1`

const GRANTS = `
  SELECT format('%s on %s to %s', privilege_type, ${named('r.oid')}, role) AS what,
         format('GRANT %s ON %s TO %s%s', privilege_type, ${named('r.oid')}, role,
                CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql,
         CASE WHEN grantee = 0 THEN '{}' ELSE ARRAY[role] END AS roles
    FROM pg_class r CROSS JOIN LATERAL aclexplode(r.relacl) AS acl
   CROSS JOIN LATERAL (SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role) AS named
   WHERE r.oid = ANY ($1::oid[]) AND acl.grantee <> r.relowner
   ORDER BY 1`
