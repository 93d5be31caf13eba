import type { Flow, Row } from './flow.ts'
import { keyText } from './flow.ts'
import type { NetRow, NetTable } from './net.ts'
import { keptColumns, reinsert, remove, settable } from './statements.ts'
import { arrays, type OpenBuckets, type Run, type Written } from './table-writer.ts'

/**
 * Writes a batch that updates in place cannot: rows that exchange a unique value. Takes every
 * touched row out first, then puts each in again as it ends; what a change did not carry, and
 * columns no change fills, come from the row that was taken out.
 */
export async function rewriteNet(run: Run, net: NetTable, open: OpenBuckets): Promise<Written> {
  const { flow } = net
  const written: Written = { rows: 0, refused: 0, missing: [] }
  const rows: NetRow[] = []
  for (const row of net.rows.values()) {
    if (open.holds(flow, row.values)) written.refused++
    else rows.push(row)
  }
  const old = await takeOut(run, flow, touched(net, rows), open)
  written.rows += net.gone.size
  const groups = new Map<string, { row: NetRow; before: Row | undefined }[]>()
  for (const row of rows) {
    const before = row.base === null ? undefined : old.get(row.base)
    if (!before && row.values.includes(undefined)) {
      written.missing.push(row)
      continue
    }
    const shape = `${before ? 'kept' : 'new'}${row.baseKey ? ' moved' : ''}:${row.values.map((value) => (value === undefined ? '-' : '+')).join('')}`
    groups.set(shape, [...(groups.get(shape) ?? []), { row, before }])
  }
  for (const group of groups.values()) {
    await putIn(run, flow, group)
    written.rows += group.length
  }
  return written
}

function touched(net: NetTable, rows: readonly NetRow[]): Row[] {
  const keys = new Map<string, Row>(net.gone)
  for (const row of rows) {
    const now = row.values.slice(0, net.flow.keyWidth)
    keys.set(keyText(now, net.flow.keyWidth), now)
    if (row.base !== null && row.baseKey) keys.set(row.base, row.baseKey)
  }
  return [...keys.values()]
}

async function takeOut(
  run: Run,
  flow: Flow,
  keys: readonly Row[],
  open: OpenBuckets,
): Promise<Map<string, Row>> {
  const old = new Map<string, Row>()
  if (keys.length === 0) return old
  const guarded = !open.none && flow.ownerTo !== null
  const statement = remove(flow, guarded, true)
  const values = arrays(statement.columns, keys)
  const { rows } = await run(statement, guarded ? [...values, open.list] : values)
  const width = keptColumns(flow).length
  for (const row of rows) {
    const key = keyText(keys[Number(row.n) - 1]!, flow.keyWidth)
    old.set(
      key,
      Array.from({ length: width }, (_, i) => row[`v${i}`] ?? null),
    )
  }
  return old
}

async function putIn(
  run: Run,
  flow: Flow,
  group: readonly { row: NetRow; before: Row | undefined }[],
): Promise<void> {
  const first = group[0]!
  const present = flow.columns.map((_, i) => i).filter((i) => first.row.values[i] !== undefined)
  const insertable = flow.exprs.filter(
    (expr) => expr.insertOnly && expr.from.every((i) => present.includes(i)),
  )
  const computed = [...settable(flow, present, true), ...insertable]
  const filled = new Set(computed.map((expr) => expr.column))
  const names = keptColumns(flow)
  const kept = first.before
    ? names.filter(
        (name) => !filled.has(name) && !(first.row.baseKey && flow.arrays.includes(name)),
      )
    : []
  const keptIndexes = kept.map((name) => names.indexOf(name))
  await run(reinsert(flow, present, computed, kept), [
    ...arrays(
      present,
      group.map(({ row }) => row.values),
    ),
    ...arrays(
      keptIndexes,
      group.map(({ before }) => before ?? []),
    ),
  ])
}
