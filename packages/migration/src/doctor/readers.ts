import { type Finding, finding } from './finding.ts'
import { effectsOf, routinesOf, tablesOf } from './routines.ts'
import { oids, type SideView } from './scene.ts'

/** Who else looks at the moved tables: it keeps working on the copy, until that is dropped. */
export const readerChecks = [views, routines]

const KEPT =
  'During the extraction it reads the copy that the reverse stream keeps; afterwards that copy stands still.'

async function views(side: SideView): Promise<Finding[]> {
  if (side.name === 'target') return []
  const rows = await side.rows<{ name: string; kind: string; reads: string }>(
    `WITH RECURSIVE reading AS (
       SELECT r.ev_class AS oid, d.refobjid AS table
         FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::oid[]) AND r.ev_class <> d.refobjid
       UNION
       SELECT r.ev_class, b.table
         FROM reading b
         JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = b.oid
         JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.ev_class <> b.oid
     )
     SELECT c.oid::regclass::text AS name, c.relkind::text AS kind,
            string_agg(DISTINCT b.table::regclass::text, ', ') AS reads
       FROM reading b JOIN pg_class c ON c.oid = b.oid
      WHERE NOT c.oid = ANY ($1::oid[])
      GROUP BY c.oid ORDER BY 1`,
    [oids(side)],
  )
  return rows.map(({ name, kind, reads }) => {
    if (kind !== 'v' && kind !== 'm') {
      return finding(
        'rule-elsewhere',
        'warning',
        `${side.name} ${name}`,
        `A rule on ${name}, which stays, touches ${reads}. ${KEPT}`,
        `Before the table is dropped: SELECT rulename, definition FROM pg_rules WHERE tablename = '${name}'; and DROP RULE it.`,
      )
    }
    const materialised = kind === 'm' ? 'MATERIALIZED ' : ''
    return finding(
      'view-reads-moved',
      'note',
      `${side.name} ${name}`,
      `The view reads ${reads}. ${KEPT}`,
      `Before the table is dropped: let its readers ask the service, then DROP ${materialised}VIEW ${name};`,
    )
  })
}

async function routines(side: SideView): Promise<Finding[]> {
  if (side.name === 'target') return []
  const [all, tables, triggered] = await Promise.all([
    routinesOf(side),
    tablesOf(side),
    side.rows<{ oid: number }>('SELECT DISTINCT tgfoid AS oid FROM pg_trigger'),
  ])
  const moved = tables.filter((table) => oids(side).includes(table.oid))
  const found: Finding[] = []
  for (const routine of all) {
    // Functions of triggers are judged by the tables they hang on.
    if (triggered.some((one) => one.oid === routine.oid)) continue
    const effects = effectsOf(routine, all, moved)
    if (effects.length === 0) continue
    const written = effects.filter((effect) => effect.writes)
    const names = (written.length > 0 ? written : effects).map((effect) => effect.table.quoted)
    found.push(
      written.length > 0
        ? finding(
            'function-writes-moved',
            'warning',
            `${side.name} ${routine.signature}`,
            `The function writes ${names.join(', ')}: for rows the service owns the guard refuses it (BN001), and a call over many owners fails as a whole.`,
            `Let its callers use the routes at the gateway, owner by owner; then DROP FUNCTION ${routine.signature};`,
          )
        : finding(
            'function-reads-moved',
            'note',
            `${side.name} ${routine.signature}`,
            `The function reads ${names.join(', ')}. ${KEPT}`,
            `Before the table is dropped: let its callers ask the service, then DROP FUNCTION ${routine.signature};`,
          ),
    )
  }
  return found
}
