import { type Finding, finding } from './finding.ts'
import { at, type Scene, type SideView } from './scene.ts'

/** That the plan's tables exist, and are of a kind that can move. */
export const tableChecks = [
  tablesExist,
  kinds,
  inheritance,
  unlogged,
  rowSecurity,
  generatedColumns,
]

/** Of the names that exist, the ones that hold the given one's letters: a typo is mostly a plural or a schema. */
const NEAR = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$|banyan)'
   ORDER BY 1 LIMIT 1000`

async function tablesExist(side: SideView, scene: Scene): Promise<Finding[]> {
  const missing = scene.extraction.tables.filter(
    (spec) => !side.tables.some((table) => table.spec === spec),
  )
  if (missing.length === 0) return []
  const names = (await side.rows<{ name: string }>(NEAR)).map((row) => row.name)
  return missing.map((spec) => {
    const bare = letters(spec[side.name].split('.').at(-1)!)
    const near = names.filter((name) => {
      const other = letters(name.split('.').at(-1)!)
      return other.includes(bare) || bare.includes(other)
    })
    const list = (near.length > 0 ? near : names).slice(0, 5).join(', ')
    return finding(
      'table-missing',
      'error',
      `${side.name} ${spec[side.name]}`,
      `Database "${side.database}" has no such table. A table is written schema.table; a part with capitals stands in double quotes.`,
      side.name === 'target'
        ? `Run the service's migrations, or correct "target" in the plan${list ? `; there is ${list}` : ''}.`
        : `Correct "source" in the plan${list ? `; there is ${list}` : ''}.`,
    )
  })
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

async function kinds(side: SideView): Promise<Finding[]> {
  const WORDS: Record<string, string> = {
    v: 'a view',
    m: 'a materialised view',
    f: 'a foreign table',
    p: 'a partitioned table',
  }
  const found: Finding[] = []
  for (const { table, relkind } of await relations<{ relkind: string }>(side, 'c.relkind')) {
    if (relkind === 'p') {
      found.push(
        finding(
          'table-partitioned',
          'note',
          at(side, table),
          'The table is partitioned: the guard stands on every partition, new ones included, and the stream carries rows under the parent’s name.',
          'Nothing to do; attach no partition that already holds rows while the extraction runs.',
        ),
      )
    } else if (relkind !== 'r') {
      found.push(
        finding(
          'table-kind',
          'error',
          at(side, table),
          `It is ${WORDS[relkind] ?? `of kind "${relkind}"`}; only tables can be guarded and published.`,
          'Name the table it reads from in the plan instead.',
        ),
      )
    }
  }
  return found
}

async function inheritance(side: SideView): Promise<Finding[]> {
  const seen = await relations<{ other: string | null }>(
    side,
    `(SELECT string_agg(i.inhrelid::regclass::text, ', ') FROM pg_inherits i
       WHERE i.inhparent = c.oid AND c.relkind = 'r') AS other`,
  )
  return seen
    .filter(({ other }) => other !== null)
    .map(({ table, other }) =>
      finding(
        'table-inherited',
        'error',
        at(side, table),
        `${other} inherits from it: a query on the parent shows rows that are neither guarded nor streamed.`,
        `ALTER TABLE ${other!.split(', ')[0]} NO INHERIT ${table.quoted}; or make it a partitioned table.`,
      ),
    )
}

async function unlogged(side: SideView): Promise<Finding[]> {
  const seen = await relations<{ relpersistence: string }>(side, 'c.relpersistence')
  return seen
    .filter(({ relpersistence }) => relpersistence !== 'p')
    .map(({ table }) =>
      finding(
        'table-unlogged',
        'error',
        at(side, table),
        'The table is unlogged: its changes are not in the WAL, so no stream carries them, and a crash empties it.',
        `ALTER TABLE ${table.quoted} SET LOGGED;`,
      ),
    )
}

async function rowSecurity(side: SideView): Promise<Finding[]> {
  const seen = await relations<{ policies: boolean; applies: boolean }>(
    side,
    'c.relrowsecurity AS policies, row_security_active(c.oid) AS applies',
  )
  return seen
    .filter(({ policies }) => policies)
    .map(({ table, applies }) =>
      finding(
        'row-level-security',
        applies ? 'error' : 'note',
        at(side, table),
        applies
          ? `Row level security hides rows from role "${side.role}": the copy and the comparison would miss them.`
          : 'Row level security is on. It does not bind our role, and the other side needs policies of its own.',
        applies
          ? `ALTER ROLE "${side.role}" BYPASSRLS;`
          : 'Create the same policies where the rows go, or check there in the service.',
      ),
    )
}

async function generatedColumns(side: SideView): Promise<Finding[]> {
  const seen = await relations<{ names: string | null }>(
    side,
    `(SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped) AS names`,
  )
  return seen
    .filter(({ names }) => names !== null)
    .map(({ table, names }) =>
      finding(
        'generated-columns',
        'note',
        at(side, table),
        `${names} is generated: it is not in the change stream and is computed anew where the row arrives.`,
        'Use the same expression on the other side, or leave the column out there.',
      ),
    )
}

async function relations<T>(
  side: SideView,
  columns: string,
): Promise<(T & { table: SideView['tables'][number] })[]> {
  const rows = await side.rows<T & { oid: number }>(
    `SELECT c.oid, ${columns} FROM pg_class c WHERE c.oid = ANY ($1::oid[]) ORDER BY c.relname`,
    [side.tables.map((table) => table.oid)],
  )
  return rows.map((row) => ({ ...row, table: side.tables.find((t) => t.oid === row.oid)! }))
}
