import { type Finding, finding } from './finding.ts'
import { at, ident, type SeenTable, type SideView } from './scene.ts'

/** That every row can be told from every other, in the tables and in the stream. */
export const keyChecks = [keys]

interface Index {
  readonly oid: number
  readonly name: string
  readonly columns: string[]
  readonly primary: boolean
  readonly identity: boolean
  /** Whole, immediate, over plain NOT NULL columns: what a replica identity may use. */
  readonly usable: boolean
}

const INDEXES = `
  SELECT i.indrelid AS oid, ic.relname::text AS name, i.indisprimary AS primary, i.indisreplident AS identity,
         array_agg(coalesce(a.attname::text, '(expression)') ORDER BY k.n) AS columns,
         i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
           AND bool_and(coalesce(a.attnotnull, false)) AS usable
    FROM pg_index i
    JOIN pg_class ic ON ic.oid = i.indexrelid
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
   WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND k.n <= i.indnkeyatts
   GROUP BY i.indexrelid, i.indrelid, ic.relname, i.indisprimary, i.indisreplident, i.indisvalid,
            i.indimmediate, i.indpred::text, i.indexprs::text
   ORDER BY i.indisprimary DESC, count(*), ic.relname`

async function keys(side: SideView): Promise<Finding[]> {
  const oids = side.tables.map((table) => table.oid)
  const indexes = await side.rows<Index>(INDEXES, [oids])
  const identities = await side.rows<{ oid: number; relreplident: string }>(
    'SELECT oid, relreplident FROM pg_class WHERE oid = ANY ($1::oid[])',
    [oids],
  )
  const found: Finding[] = []
  for (const table of side.tables) {
    const own = indexes.filter((index) => index.oid === table.oid)
    const identity = identities.find((row) => row.oid === table.oid)!.relreplident
    found.push(...(await judge(side, table, own, identity)))
  }
  return found
}

async function judge(
  side: SideView,
  table: SeenTable,
  indexes: readonly Index[],
  identity: string,
): Promise<Finding[]> {
  const usable = indexes.filter((index) => index.usable)
  const primary = usable.find((index) => index.primary)
  if (usable.length === 0) {
    return [await noKey(side, table, indexes, identity)]
  }
  if (identity === 'f') {
    return [
      finding(
        'replica-identity-full',
        'note',
        at(side, table),
        'REPLICA IDENTITY FULL writes the whole old row to the WAL with every change.',
        primary
          ? `ALTER TABLE ${table.quoted} REPLICA IDENTITY DEFAULT; (unless something else needs it)`
          : `ALTER TABLE ${table.quoted} REPLICA IDENTITY USING INDEX ${ident(usable[0]!.name)};`,
      ),
    ]
  }
  const works =
    (identity === 'd' && primary) || (identity === 'i' && usable.some((index) => index.identity))
  if (works) return []
  if (identity === 'd') {
    return [
      finding(
        'replica-identity-borrowed',
        'note',
        at(side, table),
        `It has no primary key: ${ident(usable[0]!.name)} is made its REPLICA IDENTITY while the extraction runs, and put back to DEFAULT at the end. That takes an exclusive lock on the table for a moment.`,
        `Nothing, or a primary key: ALTER TABLE ${table.quoted} ADD PRIMARY KEY (${usable[0]!.columns.map(ident).join(', ')});`,
      ),
    ]
  }
  const why =
    identity === 'n'
      ? 'REPLICA IDENTITY is NOTHING'
      : identity === 'i'
        ? 'the index of its REPLICA IDENTITY is gone'
        : 'REPLICA IDENTITY is not usable'
  return [
    finding(
      'replica-identity',
      'error',
      at(side, table),
      `There is no usable replica identity (${why}): as soon as the table is published, the application's own UPDATE and DELETE fail.`,
      primary
        ? `ALTER TABLE ${table.quoted} REPLICA IDENTITY DEFAULT;`
        : `ALTER TABLE ${table.quoted} REPLICA IDENTITY USING INDEX ${ident(usable[0]!.name)};`,
    ),
  ]
}

async function noKey(
  side: SideView,
  table: SeenTable,
  indexes: readonly Index[],
  identity: string,
): Promise<Finding> {
  const almost = indexes.find((index) => !index.columns.includes('(expression)'))
  const why = almost
    ? `its unique index ${ident(almost.name)} is partial, deferrable, or over columns that may be NULL`
    : 'neither primary key nor unique constraint'
  const published =
    identity === 'f'
      ? ''
      : ', and as soon as it is published the application’s own UPDATE and DELETE fail'
  const references = await side.rows<{ columns: string[] }>(
    `SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns
       FROM pg_constraint f
       JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
      WHERE f.conrelid = $1 AND f.contype = 'f' AND f.conparentid = 0`,
    [table.oid],
  )
  const join = [...new Set(references[0]?.columns ?? [])]
  const full = `or ALTER TABLE ${table.quoted} REPLICA IDENTITY FULL; (the table still needs a key to be copied by)`
  if (almost && join.length < 2) {
    const columns = almost.columns.map(ident)
    return finding(
      'no-key',
      'error',
      at(side, table),
      `Its rows cannot be told apart: ${why}${published}.`,
      `${columns.map((column) => `ALTER TABLE ${table.quoted} ALTER COLUMN ${column} SET NOT NULL;`).join(' ')} ALTER TABLE ${table.quoted} ADD PRIMARY KEY (${columns.join(', ')}); ${full}`,
    )
  }
  if (join.length >= 2) {
    const list = join.map(ident).join(', ')
    const twice = await duplicates(side, table, list)
    return finding(
      'join-table-without-key',
      'error',
      at(side, table),
      `A join table whose rows cannot be told apart: ${why}; ${twice} over (${list})${published}.`,
      `Delete the duplicates, if any, then: ALTER TABLE ${table.quoted} ADD PRIMARY KEY (${list}); ${full}`,
    )
  }
  return finding(
    'no-key',
    'error',
    at(side, table),
    `Its rows cannot be told apart: ${why}${published}.`,
    `ALTER TABLE ${table.quoted} ADD COLUMN row_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY; ${full}`,
  )
}

async function duplicates(side: SideView, table: SeenTable, columns: string): Promise<string> {
  try {
    const rows = await side.rows<{ many: number }>(
      `SELECT coalesce(sum(n - 1), 0)::float8 AS many
         FROM (SELECT count(*) AS n FROM ONLY ${table.quoted} GROUP BY ${columns} HAVING count(*) > 1) AS twice`,
    )
    return `${rows[0]!.many} duplicate rows`
  } catch {
    return 'duplicates could not be counted in time'
  }
}
