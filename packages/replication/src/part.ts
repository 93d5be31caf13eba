import type { Queryable } from '@banyan/postgres'
import { badPlan } from './catalog.ts'
import { elementRows } from './fold.ts'
import type { ResolvedTable, TableSide, TableSpec } from './mapping.ts'
import type { SideName } from './side.ts'

/*
 * One table on one side whose columns are divided among several of the other: split (one source, several
 * targets) and its mirror, merge. One entry of the plan is the main one, whose rows exist exactly when
 * those of the whole table do; every other declares itself a part of it.
 */

/** What an entry of the plan is called, where tables are named: parts share one of their two names. */
export function tableName(spec: TableSpec): string {
  return spec.part ? `${spec.source} to ${spec.target}` : spec.source
}

/** The side with the whole table, and the side with its part. */
function sidesOf(spec: TableSpec): { whole: SideName; part: SideName } {
  return spec.part!.of === 'source'
    ? { whole: 'source', part: 'target' }
    : { whole: 'target', part: 'source' }
}

/**
 * Checks what entries that share a table owe each other.
 *
 * @returns the tables; a column that a part brings back is not lost by its main one.
 * @throws BanyanError `BAD_PLAN`
 */
export async function joinParts(
  source: Queryable,
  target: Queryable,
  tables: readonly ResolvedTable[],
): Promise<ResolvedTable[]> {
  const parts = tables.filter((table) => table.spec.part)
  for (const part of parts) {
    const main = mainOf(part, tables)
    const sides = sidesOf(part.spec)
    refuseTwice(part, [main, ...parts.filter((other) => other !== part)], sides.whole)
    const db = sides.part === 'source' ? source : target
    await requireReference(db, part[sides.part], main[sides.part])
  }
  for (const side of ['source', 'target'] as const) refuseSharing(tables, side)
  return tables.map((table) => withoutLossesOf(table, parts))
}

function mainOf(part: ResolvedTable, tables: readonly ResolvedTable[]): ResolvedTable {
  const { whole } = sidesOf(part.spec)
  const main = tables.find(
    (other) => !other.spec.part && !other.fold && other[whole].oid === part[whole].oid,
  )
  if (main) return main
  throw badPlan(
    `table ${tableName(part.spec)}, part`,
    `no other table of the plan has ${part[whole].quoted} as its ${whole} and is the main one: give the table whose rows exist exactly when its rows do, without "part"`,
  )
}

/** Two tables of the plan on one table of a side are each other's undoing, unless all but one are parts. */
function refuseSharing(tables: readonly ResolvedTable[], side: SideName): void {
  for (const table of tables) {
    if (table.spec.part && sidesOf(table.spec).whole === side) continue
    if (table.fold && side === 'target') continue
    const other = tables.find(
      (one) =>
        one !== table &&
        !(one.fold && side === 'target') &&
        one[side].oid === table[side].oid &&
        !(one.spec.part && sidesOf(one.spec).whole === side),
    )
    if (!other) continue
    throw badPlan(
      `table ${tableName(table.spec)}`,
      `${other.spec.source} to ${other.spec.target} has the same ${side}: only one can be the main one, the others are declared as its "part"`,
    )
  }
}

/** A column of the whole table has one place. */
function refuseTwice(part: ResolvedTable, others: readonly ResolvedTable[], whole: SideName): void {
  const filled = (table: ResolvedTable) => filledOf(table, whole)
  const own = ownColumns(part)
  for (const other of others) {
    if (other[whole].oid !== part[whole].oid) continue
    const twice = filled(other).find((column) => own.includes(column))
    if (twice === undefined) continue
    throw badPlan(
      `table ${tableName(part.spec)}, part`,
      `"${twice}" of ${part[whole].quoted} is filled by ${tableName(other.spec)} too: leave it to one of them`,
    )
  }
}

function filledOf(table: ResolvedTable, side: SideName): string[] {
  return (side === 'target' ? table.forward : table.backward).map((expr) => expr.column)
}

/** Columns of the whole table that are this part's alone: not the key, not the owner. */
function ownColumns(table: ResolvedTable): string[] {
  const { whole } = sidesOf(table.spec)
  const owner = table.owners[whole]?.column
  return filledOf(table, whole).filter(
    (column) => column !== owner && !table[whole].key.includes(column),
  )
}

/** Without it a part's row could come before its main row, and have no row to be written into. */
async function requireReference(db: Queryable, part: TableSide, main: TableSide): Promise<void> {
  const { rows } = await db.query<{ columns: string[] }>(
    `SELECT (SELECT array_agg(a.attname::text) FROM pg_attribute a
              WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS columns
       FROM pg_constraint c
      WHERE c.contype = 'f' AND c.conrelid = $1 AND c.confrelid = $2 AND NOT c.condeferrable`,
    [part.oid, main.oid],
  )
  const key = (columns: readonly string[]) => [...columns].sort().join(', ')
  if (rows.some((row) => key(row.columns) === key(part.key))) return
  throw badPlan(
    `table ${part.quoted}`,
    `it is a part of what ${main.quoted} is the main one of, but its key (${part.key.join(', ')}) does not reference it: ALTER TABLE ${part.quoted} ADD FOREIGN KEY (${part.key.join(', ')}) REFERENCES ${main.quoted}, not deferrable, so that no part comes before its main row`,
  )
}

function withoutLossesOf(table: ResolvedTable, parts: readonly ResolvedTable[]): ResolvedTable {
  if (table.spec.part || !table.oneWay) return table
  const brought = new Set(
    parts
      .filter((part) => part.source.oid === table.source.oid)
      .flatMap((part) => filledOf(part, 'source'))
      .map((column) => `${table.spec.source}.${column} is not written back`),
  )
  const { oneWay, ...rest } = table
  const left = oneWay.filter((loss) => !brought.has(loss))
  return left.length > 0 ? { ...rest, oneWay: left } : rest
}

/** What one stream does with a part. */
export type PartOfFlow =
  /** Rows of the whole table become rows of the part, where SQL over `u.c0`, … says so. */
  | { readonly kind: 'out'; readonly where: string }
  /** Rows of the part become columns of the whole table's rows; these are its alone. */
  | { readonly kind: 'in'; readonly columns: readonly string[] }

/** @param where turns the part's condition into SQL over the stream's columns. */
export function partOfFlow(
  table: ResolvedTable,
  from: SideName,
  where: (condition: { readonly from: readonly string[]; readonly sql: string }) => string,
): PartOfFlow | null {
  const { part } = table.spec
  if (!part) return null
  if (part.of !== from) return { kind: 'in', columns: ownColumns(table) }
  return part.where ? { kind: 'out', where: where(part.where) } : null
}

/** The rows of an entry, as what stands behind FROM: those that have the part, or an array's elements. */
export function rowsWithPart(table: ResolvedTable, side: SideName): string {
  if (table.fold && side === 'target') return elementRows(table)
  const { part } = table.spec
  const { quoted } = table[side]
  return part?.where && part.of === side
    ? `(SELECT * FROM ${quoted} WHERE (${part.where.sql}))`
    : quoted
}
