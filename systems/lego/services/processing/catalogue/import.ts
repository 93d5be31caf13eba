import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Pool, type PoolClient, transaction } from '@banyan/postgres'
import { from as copyFrom } from 'pg-copy-streams'
import {
  type CatalogueRow,
  type CatalogueSources,
  colourIds,
  colours,
  elements,
  partIds,
  parts,
  relationships,
} from './sources.ts'

interface Target {
  readonly table: string
  readonly columns: readonly string[]
  readonly key: readonly string[]
  readonly rows: (sources: CatalogueSources) => AsyncIterable<CatalogueRow>
}

const TARGETS: readonly Target[] = [
  { table: 'parts', columns: ['part_num', 'name', 'category'], key: ['part_num'], rows: parts },
  { table: 'colours', columns: ['id', 'name', 'rgb', 'transparent'], key: ['id'], rows: colours },
  {
    table: 'colour_ids',
    columns: ['system', 'external_id', 'colour_id'],
    key: ['system', 'external_id', 'colour_id'],
    rows: colourIds,
  },
  {
    table: 'part_ids',
    columns: ['system', 'external_id', 'part_num'],
    key: ['external_id', 'system', 'part_num'],
    rows: partIds,
  },
  {
    table: 'elements',
    columns: ['element_id', 'part_num', 'colour_id'],
    key: ['element_id'],
    rows: elements,
  },
  {
    table: 'part_relationships',
    columns: ['type', 'child', 'parent'],
    key: ['child', 'type', 'parent'],
    rows: relationships,
  },
]

/** Of each table: rows it has now, and how many were written, or taken out, by this import. */
export type ImportReport = Readonly<
  Record<string, { readonly rows: number; readonly written: number; readonly removed: number }>
>

/**
 * Makes the catalogue what the sources say, in one transaction: look-ups see the former one until it
 * commits. Writes what differs alone, so a second import of the same writes nothing.
 *
 * @throws Error that names the file that is missing or not what it should be
 */
export function importCatalogue(pool: Pool, sources: CatalogueSources): Promise<ImportReport> {
  return transaction(pool, async (client) => {
    const report: Record<string, ImportReport[string]> = {}
    // Two at once would write each other's rows back.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('catalogue import', 0))`)
    await client.query('SET LOCAL statement_timeout = 0')
    for (const target of TARGETS) report[target.table] = await fill(client, target, sources)
    return report
  })
}

async function fill(client: PoolClient, target: Target, sources: CatalogueSources) {
  const { table, columns, key } = target
  const names = columns.join(', ')
  await client.query(
    `CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT ${names} FROM processing.${table} LIMIT 0`,
  )
  const into = client.query(copyFrom(`COPY incoming (${names}) FROM STDIN (FORMAT csv)`))
  await pipeline(Readable.from(csvLines(target.rows(sources))), into)
  await client.query('ANALYZE incoming')
  const same = key.map((column) => `new.${column} = old.${column}`).join(' AND ')
  const { rowCount: removed } = await client.query(
    `DELETE FROM processing.${table} old WHERE NOT EXISTS (SELECT FROM incoming new WHERE ${same})`,
  )
  const others = columns.filter((column) => !key.includes(column))
  const set = others.map((column) => `${column} = excluded.${column}`).join(', ')
  const differs = others.map((column) => `old.${column} IS DISTINCT FROM excluded.${column}`)
  const { rowCount: written } = await client.query(
    // Of two lines with one key the first by their texts counts, whoever imports.
    `INSERT INTO processing.${table} AS old (${names})
     SELECT DISTINCT ON (${key.join(', ')}) ${names} FROM incoming ORDER BY ${[...key, ...others].join(', ')}
     ON CONFLICT (${key.join(', ')}) DO ${set ? `UPDATE SET ${set} WHERE ${differs.join(' OR ')}` : 'NOTHING'}`,
  )
  const { rows } = await client.query<{ rows: number }>(
    `SELECT count(*)::int AS rows FROM processing.${table}`,
  )
  await client.query('DROP TABLE incoming')
  return { rows: rows[0]!.rows, written: written ?? 0, removed: removed ?? 0 }
}

/** Lines of CSV, some thousand together: each chunk is one message to the server. */
async function* csvLines(rows: AsyncIterable<CatalogueRow>): AsyncGenerator<string> {
  let text = ''
  for await (const row of rows) {
    text += `${row.map(quoted).join(',')}\n`
    if (text.length < 262_144) continue
    yield text
    text = ''
  }
  yield text
}

function quoted(value: string | number | boolean): string {
  // Quoted also when empty: an empty text is none of PostgreSQL's NULLs.
  return typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value)
}
