import type { Queryable } from '@banyan/postgres'
import { badPlan, nearNames, quoteIdent } from './catalog.ts'
import { mayPass } from './failures.ts'
import type { Column, ColumnSource, ResolvedTable, TableSide, TableSpec } from './mapping.ts'
import type { SideName } from './side.ts'

/*
 * Rows of a child table that are elements of a JSON array in their parent's row of the target. The entry's
 * target side is made up: a table of elements, as if the array had been unnested. Its columns are the
 * parent's key, under the names of the foreign key that leads there, and the elements' fields.
 */

export interface Fold {
  /** The parent's table, as it is. */
  readonly row: TableSide
  /** Its column with the array. */
  readonly into: string
  /** Fields that elements are ordered by, before their key. */
  readonly order: readonly string[]
}

/** How a column of the parent is called in the made-up table. No field may be called so. */
const OF_PARENT = 'parent.'

/** What JSON says without a loss; of every other type elements hold the text. */
export function isNative(type: string): boolean {
  return type === 'boolean' || type === 'integer' || type === 'smallint'
}

/** `forward` of a folded table, with the parent's key, which no element holds. */
export function foldedForward(spec: TableSpec): TableSpec['forward'] {
  if (!spec.fold || !spec.forward) return spec.forward
  const keys = Object.keys(spec.fold.parent).map((name) => [name, name] as const)
  return { ...spec.forward, ...Object.fromEntries(keys) }
}

/**
 * The table of elements that a fold makes of its parent's.
 *
 * @throws BanyanError `BAD_PLAN`
 */
export async function resolveFold(
  targetDb: Queryable,
  spec: TableSpec,
  source: TableSide,
  row: TableSide,
): Promise<{ fold: Fold; target: TableSide }> {
  const given = spec.fold!
  const bad = (reason: string) => badPlan(`table ${spec.source}, fold`, reason)
  if (spec.part) throw bad('a table is folded or a part, not both')
  if (source.keyless) throw badPlan(`source table ${spec.source}`, source.keyless)
  if (row.keyless) throw badPlan(`target table ${spec.target}`, row.keyless)
  const array = row.columns.find((column) => column.name === given.into)
  if (!array) {
    const names = row.columns.map((column) => column.name)
    throw bad(
      `${row.quoted} has no column "${given.into}"; near: ${nearNames(given.into, names).join(', ')}`,
    )
  }
  if (array.type !== 'jsonb' || !array.notNull || !array.hasDefault || array.generated) {
    throw bad(
      `"${given.into}" of ${row.quoted} must be jsonb NOT NULL DEFAULT '[]', so that a row has its array before its first element`,
    )
  }
  const parents = keyOfParent(spec, source, row)
  const elementKey = source.key.slice(parents.length)
  if (elementKey.length === 0) {
    throw bad(`nothing but its parent tells its rows apart: make them columns of ${row.quoted}`)
  }
  const fields = await fieldsOf(targetDb, spec, source, parents)
  const rename = (name: string) => fields.find((field) => field.of === name)?.column.name
  const key = elementKey.map((name) => rename(name))
  const declared = [...given.key].sort().join()
  if (declared !== [...elementKey].sort().join()) {
    throw bad(
      `key is ${JSON.stringify(given.key)}, but beside its parent's its rows are told apart by ${JSON.stringify(elementKey)}`,
    )
  }
  const order = given.order ?? []
  for (const name of order) {
    if (fields.some((field) => field.column.name === name)) continue
    const names = fields.map((field) => field.column.name)
    throw bad(`order: elements have no "${name}"; near: ${nearNames(name, names).join(', ')}`)
  }
  const target: TableSide = {
    ...row,
    columns: [...parents, ...fields.map((field) => field.column)],
    // What is not carried by a plain name is refused with the other mappings.
    key: [...parents.map((column) => column.name), ...key.map((name) => name ?? '')],
    // An array comes whole, or is read again.
    replicaIdentity: 'full',
    identityIndex: null,
    uniqueIndexes: [],
  }
  const fold: Fold = { row, into: given.into, order }
  await checkOrder(targetDb, { fold, target })
  return { fold, target }
}

/** The columns of the foreign key, in the order of the parent's key, typed as that is. */
function keyOfParent(spec: TableSpec, source: TableSide, row: TableSide): Column[] {
  const bad = (reason: string) => badPlan(`table ${spec.source}, fold`, reason)
  const { parent } = spec.fold!
  const wanted = [...row.key].sort().join(', ')
  if (Object.values(parent).sort().join(', ') !== wanted) {
    throw bad(
      `parent must give a column for each of ${row.quoted}'s key (${wanted}), given ${JSON.stringify(parent)}`,
    )
  }
  const names = row.key.map((key) => Object.keys(parent).find((name) => parent[name] === key)!)
  if (names.some((name, i) => source.key[i] !== name)) {
    const whole = [...names, ...source.key.filter((name) => !names.includes(name))]
    throw bad(
      `the rows of ${source.quoted} are told apart by (${source.key.join(', ')}), but a deleted one must say whose it was, and its siblings must be found: the key must begin with (${names.join(', ')}). Over columns that are NOT NULL: CREATE UNIQUE INDEX … ON ${source.quoted} (${whole.map(quoteIdent).join(', ')}), and ALTER TABLE ${source.quoted} REPLICA IDENTITY USING INDEX …`,
    )
  }
  return names.map((name, i) => {
    const column = row.columns.find((one) => one.name === row.key[i])!
    return { ...column, name, generated: false, identity: null, hasDefault: true }
  })
}

async function fieldsOf(
  targetDb: Queryable,
  spec: TableSpec,
  source: TableSide,
  parents: readonly Column[],
): Promise<{ of: string | null; column: Column }[]> {
  const own = parents.map((column) => column.name)
  const given: Record<string, ColumnSource> =
    spec.forward ??
    Object.fromEntries(
      source.columns
        .filter((column) => !column.generated && !own.includes(column.name))
        .map((column) => [column.name, column.name]),
    )
  const types = source.columns.map((column) => column.baseType)
  const { rows } = await targetDb.query<{ known: boolean[] }>(
    'SELECT array_agg(to_regtype(t) IS NOT NULL ORDER BY n) AS known FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n)',
    [types],
  )
  return Object.entries(given).map(([name, filler]) => {
    if (own.includes(name) || name.startsWith(OF_PARENT)) {
      throw badPlan(
        `table ${spec.source}, forward.${name}`,
        `an element's field cannot be called so: ${own.includes(name) ? "its parent's row says it" : `"${OF_PARENT}" begins the names of its parent's columns`}`,
      )
    }
    const of = typeof filler === 'string' ? filler : null
    const at = source.columns.findIndex((column) => column.name === of)
    const typed = rows[0]!.known[at] && source.columns[at]!.operators === null
    // What the target does not know stays the text that the source printed.
    const type = typed ? source.columns[at]! : TEXT
    const field = { notNull: false, generated: false, identity: null, hasDefault: true } as const
    return { of, column: { ...type, ...field, name, collation: null, toastable: true } }
  })
}

const TEXT = { type: 'text', baseType: 'text', typeOid: 25, typmod: -1, operators: null } as const

/** A type without an order (json, point, …) cannot be sorted by. */
async function checkOrder(db: Queryable, table: { fold: Fold; target: TableSide }): Promise<void> {
  const sql = `SELECT jsonb_agg(a.v ORDER BY ${orderSql(table, 'a.v').join(', ')}) FROM (SELECT NULL::jsonb AS v LIMIT 0) AS a`
  await db.query(sql).catch((error: Error) => {
    if (mayPass(error)) throw error
    throw badPlan(`table ${table.target.quoted}, fold`, `its order fails: ${error.message}`)
  })
}

/** What elements are ordered by: what the plan says, then their key. */
export function orderSql({ fold, target }: { fold: Fold; target: TableSide }, v: string): string[] {
  const key = target.key.slice(fold.row.key.length).filter((name) => name !== '')
  return [...new Set([...fold.order, ...key])].map((name) => fieldSql(target, v, name))
}

/** A field of an element `v`, typed. */
export function fieldSql(target: TableSide, v: string, name: string): string {
  const { baseType } = target.columns.find((column) => column.name === name)!
  return `(${v} ->> ${quoteText(name)})::${baseType}`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** The elements of a row's array; none where something else than an array stands. */
export function elementsOf(fold: Pick<Fold, 'into'>, alias: string): string {
  const array = `${alias}.${quoteIdent(fold.into)}`
  return `jsonb_array_elements(CASE WHEN jsonb_typeof(${array}) = 'array' THEN ${array} ELSE '[]' END)`
}

/** The made-up table of elements, as what stands behind FROM. */
export function elementRows(table: ResolvedTable): string {
  const { fold, target, owners } = table
  const { row } = fold!
  const path = owners.target
  const ofParent = path ? (path.hops[0]?.columns ?? [path.column]) : []
  const columns = [
    ...row.key.map((name, i) => `p.${quoteIdent(name)} AS ${quoteIdent(target.columns[i]!.name)}`),
    ...target.columns
      .slice(row.key.length)
      .map(({ name }) => `${fieldSql(target, 'e.v', name)} AS ${quoteIdent(name)}`),
    ...ofParent.map((name) => `p.${quoteIdent(name)} AS ${quoteIdent(OF_PARENT + name)}`),
  ]
  return `(SELECT ${columns.join(', ')} FROM ${row.quoted} AS p CROSS JOIN LATERAL ${elementsOf(fold!, 'p')} AS e(v) WHERE jsonb_typeof(e.v) = 'object')`
}

/** How a column that tells the owner is called in what stands for the table's rows. */
export function ownerColumnSql(table: ResolvedTable, side: SideName): (name: string) => string {
  const prefix = table.fold && side === 'target' ? OF_PARENT : ''
  return (name) => `t.${quoteIdent(prefix + name)}`
}

/** Checks what a fold and its parent's own entry owe each other, and tells each of the other. */
export function joinFolds(tables: readonly ResolvedTable[]): ResolvedTable[] {
  return tables.map((table) => {
    if (table.fold) {
      const { parent } = parentOf(table, tables)
      const reads = parent.backward.some((expr) => expr.from.includes(table.fold!.into))
      if (reads || parent.forward.some((expr) => expr.column === table.fold!.into)) {
        throw badPlan(
          `table ${parent.spec.source}`,
          `"${table.fold.into}" of ${table.target.quoted} belongs to the rows of ${table.spec.source} that are folded into it: leave it out`,
        )
      }
      return table
    }
    const folds = tables.filter((one) => one.fold && one.target.oid === table.target.oid)
    const intos = folds.map((one) => one.fold!.into)
    const twice = intos.find((into, i) => intos.indexOf(into) !== i)
    if (twice)
      throw badPlan(`table ${folds[0]!.spec.source}, fold`, `"${twice}" is folded into twice`)
    return intos.length > 0 && !table.spec.part ? { ...table, arrays: intos } : table
  })
}

/** The entry of the rows that hold the arrays. */
export function parentOf<T extends Pick<ResolvedTable, 'spec' | 'target' | 'fold'>>(
  table: T,
  tables: readonly T[],
): { parent: T } {
  const parent = tables.find(
    (one) => !one.fold && !one.spec.part && one.target.oid === table.target.oid,
  )
  if (parent) return { parent }
  throw badPlan(
    `table ${table.spec.source}, fold`,
    `no table of the plan has ${table.target.quoted} as its target without a fold: give the one whose rows hold the arrays`,
  )
}
