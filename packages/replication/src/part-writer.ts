import { quoteIdent } from './catalog.ts'
import { type Flow, keyColumns, keyText, type Row } from './flow.ts'
import { outOfArrays } from './fold-in.ts'
import { groupByShape, isWhole, type NetTable } from './net.ts'
import { notOpen, remove, rowsOf, type Statement } from './statements.ts'
import {
  arrays,
  type OpenBuckets,
  type Run,
  updateRows,
  upsertRows,
  type Written,
} from './table-writer.ts'

/**
 * Writes the net effect of a batch on a part, or on arrays. What the change did not carry is read again as a whole:
 * a large value may have to go where no row of the part stood before.
 */
export async function writePart(run: Run, net: NetTable, open: OpenBuckets): Promise<Written> {
  const written = nothing()
  await takeAway(run, net.flow, goneKeys(net), open, written)
  return fillParts(run, net, open, written)
}

/**
 * Takes parts out of the rows they stood in before the batch. To be done before the main table is written: its
 * rows move with all their columns, and a part that went before would go along.
 */
export async function clearParts(run: Run, net: NetTable, open: OpenBuckets): Promise<Written> {
  const written = nothing()
  const keys = [...net.gone.values()]
  for (const { baseKey } of net.rows.values()) if (baseKey) keys.push(baseKey)
  await takeAway(run, net.flow, keys, open, written)
  return written
}

/** Puts parts into the rows they stand in after the batch, which are made or moved by now. */
export async function fillParts(
  run: Run,
  net: NetTable,
  open: OpenBuckets,
  written = nothing(),
): Promise<Written> {
  const { flow } = net
  const rows = [...net.rows.values()].filter((row) => {
    const refused = open.holds(flow, row.values)
    if (refused) written.refused++
    return !refused
  })
  await upsertRows(
    run,
    flow,
    rows.filter((row) => isWhole(row.values)),
    open,
    written,
  )
  for (const group of groupByShape(rows.filter((row) => !isWhole(row.values)))) {
    const inPlace = flow.part?.kind === 'in' && group.every((row) => row.baseKey === null)
    // One that is not found has no row of its own yet: the main table's copy has not reached it.
    if (inPlace) await updateRows(run, flow, group, false, open, written)
    else written.missing.push(...group)
  }
  return written
}

function nothing(): Written {
  return { rows: 0, refused: 0, missing: [] }
}

/** Keys under which the part stands no longer. */
export function goneKeys({ flow, gone, rows }: NetTable): Row[] {
  const keys = new Map<string, Row>()
  for (const key of gone.values()) keys.set(keyText(key, flow.keyWidth), key)
  for (const { baseKey } of rows.values()) {
    if (baseKey) keys.set(keyText(baseKey, flow.keyWidth), baseKey)
  }
  for (const key of rows.keys()) keys.delete(key)
  return [...keys.values()]
}

async function takeAway(
  run: Run,
  flow: Flow,
  keys: readonly Row[],
  open: OpenBuckets,
  written: Written,
): Promise<void> {
  if (keys.length === 0) return
  if (flow.owner === null && open.holds(flow, [])) {
    written.refused += keys.length
    return
  }
  const statement = takingAway(flow, !open.none)
  const values: unknown[] = arrays(statement.columns, keys)
  if (!open.none && flow.ownerTo !== null) values.push(open.list)
  written.rows += (await run(statement, values)).count
}

function takingAway(flow: Flow, guarded: boolean): Statement {
  if (flow.fold) return outOfArrays(flow, guarded)
  return flow.part!.kind === 'in' ? clear(flow, guarded) : remove(flow, guarded, false)
}

/** A part that is taken away leaves its columns as a new row would have them. */
function clear(flow: Flow, guarded: boolean): Statement {
  const keys = keyColumns(flow)
  const columns = keys.map((_, i) => i)
  const match = keys.map((expr) => `t.${quoteIdent(expr.column)} ${expr.equals} ${expr.sql}`)
  const part = flow.part as Extract<Flow['part'], { kind: 'in' }>
  const sets = part.columns.map((column) => `${quoteIdent(column)} = DEFAULT`)
  return {
    columns,
    text: `UPDATE ${flow.to.quoted} AS t SET ${sets.join(', ')}
FROM ${rowsOf(columns.map((i) => `c${i}`))}
WHERE ${match.join(' AND ')}${notOpen(flow, guarded, columns.length + 1)}`,
  }
}
