import { bucketOf } from '@banyan/contracts'
import type { Flow, Row } from './flow.ts'
import { groupByShape, isWhole, type NetRow, type NetTable } from './net.ts'
import { upsertAny } from './part-statements.ts'
import { existing, insert, remove, type Statement, update } from './statements.ts'
import { textArray } from './text-array.ts'

/** Runs a statement with text values in and out; prepared under its text. */
export type Run = (
  statement: Statement,
  values: readonly unknown[],
) => Promise<{ rows: Record<string, string | null>[]; count: number }>

/** Which buckets are open where we write: theirs are not ours to touch. */
export class OpenBuckets {
  readonly #open: ReadonlySet<number>
  readonly list: string

  constructor(buckets: readonly number[]) {
    this.#open = new Set(buckets)
    this.list = `{${buckets.join(',')}}`
  }

  get none(): boolean {
    return this.#open.size === 0
  }

  /** Whether this row, as far as it is known, belongs to an open bucket. */
  holds(flow: Flow, row: Row): boolean {
    if (this.none) return false
    if (flow.owner === null) return this.#open.has(bucketOf(null))
    const owner = row[flow.owner]
    return owner !== undefined && this.#open.has(bucketOf(owner))
  }
}

export interface Written {
  rows: number
  refused: number
  /** Rows that should have been there and were not, with too little known to make them. */
  missing: NetRow[]
}

/**
 * Writes the net effect of a batch on one table: rows taken away, rows that move, then all others.
 *
 * @param fresh how rows go in that the batch inserts; 'insert' fails when one stands there already.
 */
export async function writeNet(
  run: Run,
  net: NetTable,
  open: OpenBuckets,
  fresh: 'insert' | 'upsert' = 'upsert',
): Promise<Written> {
  const written: Written = { rows: 0, refused: 0, missing: [] }
  await writeGone(run, net, open, written)
  const rows: NetRow[] = []
  for (const row of net.rows.values()) {
    if (open.holds(net.flow, row.values)) written.refused++
    else rows.push(row)
  }
  const moved = rows.filter((row) => row.baseKey !== null)
  const whole = rows.filter((row) => row.baseKey === null && isWhole(row.values))
  const partial = rows.filter((row) => row.baseKey === null && !isWhole(row.values))
  for (const group of groupByShape(moved)) {
    const lost = await updateRows(run, net.flow, group, true, open, written)
    whole.push(...lost.filter((row) => isWhole(row.values)))
    written.missing.push(...lost.filter((row) => !isWhole(row.values)))
  }
  // Whose a row is that has its owner through a parent, the statement of an upsert alone asks.
  const plain = open.none || !net.flow.ownerTo?.hops.length
  const inserted = fresh === 'insert' && plain ? whole.filter((row) => row.fresh) : []
  await insertRows(run, net.flow, inserted, written)
  const others = inserted.length > 0 ? whole.filter((row) => !row.fresh) : whole
  await upsertRows(run, net.flow, others, open, written)
  for (const group of groupByShape(partial)) {
    written.missing.push(...(await updateRows(run, net.flow, group, false, open, written)))
  }
  return written
}

async function writeGone(
  run: Run,
  net: NetTable,
  open: OpenBuckets,
  written: Written,
): Promise<void> {
  const { flow } = net
  const keys = [...net.gone.values()]
  if (keys.length === 0) return
  if (flow.owner === null && open.holds(flow, [])) {
    written.refused += keys.length
    return
  }
  const statement = remove(flow, !open.none, false)
  const { count } = await run(statement, parameters(flow, statement, keys, open))
  written.rows += count
  if (count < keys.length && !open.none) {
    const check = existing(flow)
    const left = await run(check, arrays(check.columns, keys))
    written.refused += left.rows.length
  }
}

async function insertRows(
  run: Run,
  flow: Flow,
  rows: readonly NetRow[],
  written: Written,
): Promise<void> {
  if (rows.length === 0) return
  const statement = insert(flow)
  const values = rows.map((row) => row.values)
  written.rows += (await run(statement, arrays(statement.columns, values))).count
}

export async function upsertRows(
  run: Run,
  flow: Flow,
  rows: readonly NetRow[],
  open: OpenBuckets,
  written: Written,
): Promise<void> {
  if (rows.length === 0) return
  const statement = upsertAny(flow, !open.none)
  const values = rows.map((row) => row.values)
  const { count } = await run(statement, parameters(flow, statement, values, open))
  written.rows += count
  // Fewer than given only when the row that stands there has an open bucket (or is nothing but a key).
  if (!open.none && !flow.part && !flow.fold && flow.exprs.some((expr) => !expr.key))
    written.refused += rows.length - count
}

/** @returns the rows that were not found. */
export async function updateRows(
  run: Run,
  flow: Flow,
  group: readonly NetRow[],
  moved: boolean,
  open: OpenBuckets,
  written: Written,
): Promise<NetRow[]> {
  const present = flow.columns.map((_, i) => i).filter((i) => group[0]!.values[i] !== undefined)
  const statement = update(flow, present, moved, !open.none)
  if (statement === null) return []
  const values: unknown[] = arrays(
    present,
    group.map((row) => row.values),
  )
  const bases = group.map((row) => row.baseKey ?? row.values)
  const keys = Array.from({ length: flow.keyWidth }, (_, i) => i)
  if (moved) values.push(...arrays(keys, bases))
  if (!open.none && flow.ownerTo !== null) values.push(open.list)
  const { rows } = await run(statement, values)
  written.rows += rows.length
  if (rows.length === group.length) return []
  const found = new Set(rows.map((row) => Number(row.n)))
  const lost = group.map((row, i) => ({ row, n: i + 1 })).filter(({ n }) => !found.has(n))
  if (open.none) return lost.map(({ row }) => row)
  const check = existing(flow)
  const there = await run(
    check,
    arrays(
      check.columns,
      lost.map(({ n }) => bases[n - 1]!),
    ),
  )
  const refused = new Set(there.rows.map((row) => Number(row.n)))
  written.refused += refused.size
  return lost.filter((_, i) => !refused.has(i + 1)).map(({ row }) => row)
}

export function arrays(columns: readonly number[], rows: readonly Row[]): Buffer[] {
  return columns.map((column) => textArray(rows, column))
}

function parameters(
  flow: Flow,
  statement: Statement,
  rows: readonly Row[],
  open: OpenBuckets,
): (Buffer | string)[] {
  const values = arrays(statement.columns, rows)
  return open.none || flow.ownerTo === null || !statement.text.includes('banyan.bucket')
    ? values
    : [...values, open.list]
}
