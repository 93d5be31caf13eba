import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import { nearNames } from './catalog.ts'
import { parentOf } from './fold.ts'
import type { ResolvedTable } from './mapping.ts'
import type { OwnerHop, OwnerPath } from './owner-path.ts'

/** A table without its owner yet. */
export type Ownerless = Omit<ResolvedTable, 'owners' | 'isParent'>
type Owners = ResolvedTable['owners']

/**
 * Finds the owner of each table's rows on both sides, through parents where the plan says so.
 *
 * @throws BanyanError `BAD_PLAN`
 */
export async function resolveOwners(
  source: Queryable,
  target: Queryable,
  tables: readonly Ownerless[],
): Promise<ResolvedTable[]> {
  const resolved: ResolvedTable[] = []
  for (const table of tables) {
    resolved.push({
      ...table,
      owners: await ownersOf({ source, target }, tables, table, []),
      isParent: tables.some(({ spec: { owner } }) => {
        return owner !== null && typeof owner === 'object' && owner.parent === table.spec.source
      }),
    })
  }
  return resolved
}

async function ownersOf(
  sides: { readonly source: Queryable; readonly target: Queryable },
  tables: readonly Ownerless[],
  table: Ownerless,
  seen: readonly Ownerless[],
): Promise<Owners> {
  const { owner } = table.spec
  if (table.fold) return ownersOfFolded(sides, tables, table, seen)
  if (owner === null) return { source: null, target: null }
  if (typeof owner === 'string')
    return { source: column(table, owner), target: column(table, owner, true) }
  const bad = (reason: string) =>
    new BanyanError('BAD_PLAN', { where: `table ${table.spec.source}, owner`, reason })
  if (table.spec.part) throw bad('a part of another table needs an owner column of its own')
  const parent = tables.find(
    (one) => one.spec.source === owner.parent && !one.spec.part && !one.fold,
  )
  if (!parent) {
    const names = tables.map((one) => one.spec.source)
    throw bad(
      `its parent "${owner.parent}" is not a table of the extraction; near: ${nearNames(owner.parent, names).join(', ')}`,
    )
  }
  if (parent === table || seen.includes(parent)) {
    throw bad(`"${owner.parent}" finds its own owner through this table`)
  }
  if (parent.spec.owner === null) {
    throw bad(`"${owner.parent}" moves as one bucket: write owner: null here, too`)
  }
  const above = await ownersOf(sides, tables, parent, [...seen, table])
  const columns = typeof owner.through === 'string' ? [owner.through] : owner.through
  const there = columns.map((name) => renamed(table, name))
  const lost = columns.filter((_, i) => there[i] === undefined)
  if (lost.length > 0) throw bad(`"${lost.join('", "')}" must be columns mapped by a plain name`)
  const hops = {
    source: await hop(sides.source, table.source, columns, parent.source),
    target: await hop(sides.target, table.target, there as string[], parent.target),
  }
  for (const side of ['source', 'target'] as const) {
    if (!hops[side]) {
      throw bad(
        `the ${side} has no foreign key (${(side === 'source' ? columns : there).join(', ')}) from ${table[side].quoted} to ${parent[side].quoted} that is validated and NOT DEFERRABLE: without it a row could come or go whose owner nobody can tell`,
      )
    }
    if (table[side].kin.length > 0) {
      throw bad(
        `${table[side].quoted} is partitioned or a partition: it needs an owner column of its own`,
      )
    }
  }
  return {
    source: { ...above.source!, hops: [hops.source!, ...above.source!.hops] },
    target: { ...above.target!, hops: [hops.target!, ...above.target!.hops] },
  }
}

/** Elements are whoever's their array's row is. */
async function ownersOfFolded(
  sides: { readonly source: Queryable; readonly target: Queryable },
  tables: readonly Ownerless[],
  table: Ownerless,
  seen: readonly Ownerless[],
): Promise<Owners> {
  const { spec, source } = table
  const { parent } = parentOf(table, tables)
  const bad = (reason: string) =>
    new BanyanError('BAD_PLAN', { where: `table ${spec.source}, fold`, reason })
  const columns = source.key.slice(0, Object.keys(spec.fold!.parent).length)
  const way = await hop(sides.source, source, columns, parent.source)
  const there = way?.parentColumns.map((name) => renamed(parent, name)).join()
  if (!way || there !== columns.map((name) => spec.fold!.parent[name]).join()) {
    throw bad(
      `the source has no foreign key (${columns.join(', ')}) from ${source.quoted} to the columns of ${parent.source.quoted} that fill ${table.fold!.row.quoted} (${table.fold!.row.key.join(', ')}), validated and NOT DEFERRABLE: without it a row could come before the one that holds it`,
    )
  }
  if (source.kin.length > 0) throw bad(`${source.quoted} is partitioned or a partition`)
  if ((spec.owner === null) !== (parent.spec.owner === null)) {
    throw bad(`"${parent.spec.source}" and what is folded into it move by owner, or both do not`)
  }
  if (spec.owner === null) return { source: null, target: null }
  const above = await ownersOf(sides, tables, parent, [...seen, table])
  if (typeof spec.owner === 'string') {
    return { source: column(table, spec.owner), target: above.target }
  }
  const through = [spec.owner.through].flat()
  if (
    spec.owner.parent !== parent.spec.source ||
    [...through].sort().join() !== [...columns].sort().join()
  ) {
    throw bad(
      `its owner is that of the row it is folded into: owner: { through: ${JSON.stringify(columns)}, parent: '${parent.spec.source}' }`,
    )
  }
  return { source: { ...above.source!, hops: [way, ...above.source!.hops] }, target: above.target }
}

function column(table: Ownerless, owner: string, onTarget = false): OwnerPath {
  const name = onTarget ? renamed(table, owner)! : owner
  const side = onTarget ? table.target : table.source
  return { hops: [], column: name, type: side.columns.find((one) => one.name === name)!.baseType }
}

function renamed(table: Ownerless, name: string): string | undefined {
  return table.forward.find((expr) => expr.sql === null && expr.from[0] === name)?.column
}

async function hop(
  db: Queryable,
  child: ResolvedTable['source'],
  columns: readonly string[],
  parent: ResolvedTable['source'],
): Promise<OwnerHop | null> {
  const { rows } = await db.query<{ mine: string[]; theirs: string[] }>(
    `SELECT array_agg(a.attname::text ORDER BY k.n) AS mine, array_agg(b.attname::text ORDER BY k.n) AS theirs
       FROM pg_constraint f
       CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(mine, theirs, n)
       JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.mine
       JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.theirs
      WHERE f.contype = 'f' AND f.conrelid = $1 AND f.confrelid = $2 AND f.convalidated AND NOT f.condeferrable
      GROUP BY f.oid`,
    [child.oid, parent.oid],
  )
  const found = rows.find(
    ({ mine }) => mine.length === columns.length && columns.every((name) => mine.includes(name)),
  )
  if (!found) return null
  return {
    columns,
    parent: parent.quoted,
    parentColumns: columns.map((name) => found.theirs[found.mine.indexOf(name)]!),
  }
}
