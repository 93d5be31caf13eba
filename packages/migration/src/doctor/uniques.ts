import { type Finding, finding } from './finding.ts'
import { at, ident, oids, type SeenTable, type SideView } from './scene.ts'

/** Constraints that one database can keep, and two cannot. */
export const uniqueChecks = [uniqueAcrossOwners]

interface Unique {
  readonly oid: number
  readonly name: string
  readonly columns: string[]
  readonly primary: boolean
  readonly exclusion: boolean
  /** Some column is filled by a sequence, an identity or a random uuid: the sides cannot choose the same. */
  readonly drawn: boolean
  /** Some column refers to another moved table, whose row has one owner. */
  readonly referring: boolean
}

const UNIQUES = `
  SELECT i.indrelid AS oid, ic.relname::text AS name, i.indisprimary AS primary, i.indisexclusion AS exclusion,
         array_agg(coalesce(a.attname::text, '(expression)') ORDER BY k.n) AS columns,
         bool_or(coalesce(a.attidentity <> '' OR a.atttypid = 'uuid'::regtype
                          OR pg_get_expr(f.adbin, f.adrelid) ~ 'nextval|gen_random_uuid|uuid_generate|uuidv', false)) AS drawn,
         bool_or(EXISTS (SELECT FROM pg_constraint r
                          WHERE r.contype = 'f' AND r.conrelid = i.indrelid AND r.confrelid = ANY ($1::oid[])
                            AND r.confrelid <> r.conrelid AND a.attnum = ANY (r.conkey))) AS referring
    FROM pg_index i
    JOIN pg_class ic ON ic.oid = i.indexrelid
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
    LEFT JOIN pg_attrdef f ON f.adrelid = i.indrelid AND f.adnum = a.attnum
   WHERE i.indrelid = ANY ($1::oid[]) AND (i.indisunique OR i.indisexclusion) AND k.n <= i.indnkeyatts
   GROUP BY i.indexrelid, i.indrelid, ic.relname, i.indisprimary, i.indisexclusion
   ORDER BY ic.relname`

async function uniqueAcrossOwners(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<Unique>(UNIQUES, [oids(side)])
  return rows.flatMap((unique) => {
    const table = side.tables.find((one) => one.oid === unique.oid)!
    if (table.owner === null || unique.columns.includes(table.owner)) return []
    if (!unique.exclusion && (unique.drawn || unique.referring)) return []
    return [told(side, table, table.owner, unique)]
  })
}

function told(side: SideView, table: SeenTable, owner: string, unique: Unique): Finding {
  const columns = unique.columns.map((name) => (name === '(expression)' ? name : ident(name)))
  const kind = unique.exclusion
    ? 'exclusion constraint'
    : unique.primary
      ? 'primary key'
      : 'unique index'
  return finding(
    'unique-across-owners',
    'warning',
    at(side, table),
    `The ${kind} ${ident(unique.name)} over (${columns.join(', ')}) does not hold the owner key: while two sides take writes, each could accept the same value once, and the stream then stops at the second.`,
    unique.primary || unique.exclusion
      ? `Take values that cannot meet (a uuid, an identity column), or move all owners in one step: steps: [{ percent: 100 }].`
      : `CREATE UNIQUE INDEX ON ${table.quoted} (${[ident(owner), ...columns].join(', ')}); DROP INDEX ${ident(table.schema)}.${ident(unique.name)}; or move all owners in one step: steps: [{ percent: 100 }].`,
  )
}
