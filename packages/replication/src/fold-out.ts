import { sqlState } from '@banyan/postgres'
import { quoteIdent } from './catalog.ts'
import { FatalProblem } from './failures.ts'
import { type Flow, keyColumns, keyText, type Row } from './flow.ts'
import { isNative } from './fold.ts'
import type { NetRow, NetTable } from './net.ts'
import { goneKeys } from './part-writer.ts'
import { notOpen, rowsOf, type Statement, upsert } from './statements.ts'
import { arrays, type OpenBuckets, type Run, type Written } from './table-writer.ts'

/** A value that its column refuses, a key that is there twice. */
const BAD_VALUES = /^(22|23502|23514|21000)/

/**
 * Makes the rows of a child table what their parents' arrays say. What holds nothing to go by (an array
 * that moved unseen, one that is no list of elements) is handed back, to be read again.
 */
export async function writeOut(
  run: Run,
  net: NetTable,
  open: OpenBuckets,
  anew: boolean,
): Promise<Written> {
  const { flow } = net
  const { array } = outOf(flow)
  const written: Written = { rows: 0, refused: 0, missing: [] }
  const gone = goneKeys(net)
  if (flow.owner === null && open.holds(flow, [])) written.refused += gone.length
  else written.rows += await removeChildren(run, flow, gone, [], open)
  const rows: NetRow[] = []
  for (const row of net.rows.values()) {
    if (open.holds(flow, row.values)) written.refused++
    else if (row.values[array] !== undefined) rows.push(row)
    // Left alone, it is what it was.
    else if (row.baseKey !== null) written.missing.push(row)
  }
  const put = await putElements(run, flow, rows, open, { anew, last: false })
  written.rows += put.rows
  written.missing.push(...put.bad)
  return written
}

/**
 * @param how `anew`: takes all rows of these parents out first; `last`: what is bad ends the stream.
 * @returns rows whose array cannot be read as rows of the child table.
 * @throws FatalProblem `bad-data`
 */
export async function putElements(
  run: Run,
  flow: Flow,
  rows: readonly NetRow[],
  open: OpenBuckets,
  how: { readonly anew: boolean; readonly last: boolean },
): Promise<{ rows: number; bad: NetRow[] }> {
  const bad: NetRow[] = []
  const refuse = (row: NetRow, why: string) => {
    if (how.last) throw badData(flow, row, why)
    bad.push(row)
  }
  const good: { row: NetRow; children: Row[] }[] = []
  for (const row of rows) {
    const children = childrenOf(flow, row.values)
    if (typeof children === 'string') refuse(row, children)
    else good.push({ row, children })
  }
  let done = 0
  const put = async (some: typeof good): Promise<void> => {
    if (some.length === 0) return
    await run(plain('SAVEPOINT elements'), [])
    try {
      const parents = some.map(({ row }) => row.values.slice(0, flow.keyWidth))
      const children = some.flatMap((one) => one.children)
      const removed = await removeChildren(run, flow, parents, how.anew ? [] : children, open)
      done += removed + (await putChildren(run, flow, children, open))
      await run(plain('RELEASE SAVEPOINT elements'), [])
    } catch (error) {
      if (!BAD_VALUES.test(sqlState(error) ?? '')) throw error
      await run(plain('ROLLBACK TO SAVEPOINT elements'), [])
      await run(plain('RELEASE SAVEPOINT elements'), [])
      // One of them: each alone says which.
      if (some.length === 1) refuse(some[0]!.row, (error as Error).message)
      else for (const one of some) await put([one])
    }
  }
  await put(good)
  return { rows: done, bad }
}

/** Takes out the rows of these parents, except the children given. */
async function removeChildren(
  run: Run,
  flow: Flow,
  parents: readonly Row[],
  children: readonly Row[],
  open: OpenBuckets,
): Promise<number> {
  if (parents.length === 0) return 0
  const statement = remover(flow, children.length > 0, !open.none)
  const { children: to, width } = { ...outOf(flow), width: flow.keyWidth }
  const values: unknown[] = arrays(range(width), parents)
  if (children.length > 0) values.push(...arrays(range(to.keyWidth), children))
  if (!open.none && to.ownerTo !== null) values.push(open.list)
  return (await run(statement, values)).count
}

function remover(flow: Flow, keeping: boolean, guarded: boolean): Statement {
  const { children } = outOf(flow)
  const width = flow.keyWidth
  const match = keyColumns(children).map(
    ({ column, equals, sql }) => `t.${quoteIdent(column)} ${equals} ${sql}`,
  )
  const kept = range(children.keyWidth)
    .map((i) => `$${width + i + 1}::text[]`)
    .join(', ')
  const names = range(children.keyWidth)
    .map((i) => `c${i}`)
    .join(', ')
  const but = keeping
    ? ` AND NOT EXISTS (SELECT FROM unnest(${kept}) AS u(${names}) WHERE ${match.join(' AND ')})`
    : ''
  const parameter = width + (keeping ? children.keyWidth : 0) + 1
  return plain(
    `DELETE FROM ${children.to.quoted} AS t USING ${rowsOf(range(width).map((i) => `c${i}`))}
WHERE ${match.slice(0, width).join(' AND ')}${but}${notOpen(children, guarded, parameter)}`,
  )
}

async function putChildren(
  run: Run,
  flow: Flow,
  children: readonly Row[],
  open: OpenBuckets,
): Promise<number> {
  if (children.length === 0) return 0
  const { children: to } = outOf(flow)
  const statement = upsert(to, !open.none, undefined, true)
  const values: unknown[] = arrays(statement.columns, children)
  if (!open.none && to.ownerTo !== null) values.push(open.list)
  return (await run(statement, values)).count
}

/** Rows of the child table as text; or what is wrong with the array. */
function childrenOf(flow: Flow, row: Row): Row[] | string {
  const { array, children } = outOf(flow)
  const elements: unknown = JSON.parse(row[array] ?? 'null')
  const into = `"${flow.columns[array]}"`
  if (!Array.isArray(elements)) return `${into} is ${kindOf(elements)}, not an array`
  const key = row.slice(0, flow.keyWidth)
  const all = children.from.columns.slice(flow.keyWidth)
  const known = new Set(all.map((column) => column.name))
  const seen = new Set<string>()
  const rows: Row[] = []
  for (const [n, element] of elements.entries()) {
    const at = `element ${n} of ${into}`
    if (element === null || typeof element !== 'object' || Array.isArray(element)) {
      return `${at} is ${kindOf(element)}, not an object`
    }
    const odd = Object.keys(element).find((name) => !known.has(name))
    if (odd !== undefined) {
      return `${at} has "${odd}", which no column is made from; there is ${[...known].map(quoteIdent).join(', ')}`
    }
    const lacking = [...known].find((name) => !Object.hasOwn(element, name))
    if (lacking !== undefined) return `${at} has no "${lacking}" (an empty one is null)`
    const fields = element as Record<string, unknown>
    const texts = new Map<string, string | null>()
    for (const { name, baseType } of all) {
      const text = textOf(fields[name], baseType)
      if (text === undefined) {
        return `"${name}" of ${at} is ${kindOf(fields[name])}, not ${wantedOf(baseType)}`
      }
      texts.set(name, text)
    }
    const child = children.columns.map((name, i) => (i < key.length ? key[i] : texts.get(name)))
    const empty = children.columns
      .slice(key.length, children.keyWidth)
      .find((name) => texts.get(name) === null)
    if (empty !== undefined) return `"${empty}" of ${at} is null, but belongs to its key`
    const id = keyText(child, children.keyWidth)
    if (seen.has(id)) return `${at} has the key of an element before it`
    seen.add(id)
    rows.push(child)
  }
  return rows
}

/** A field as PostgreSQL text; undefined when it is of the wrong kind. */
function textOf(value: unknown, type: string): string | null | undefined {
  if (value === null) return null
  if (!isNative(type)) return typeof value === 'string' ? value : undefined
  if (type === 'boolean') return typeof value === 'boolean' ? (value ? 't' : 'f') : undefined
  return Number.isSafeInteger(value) ? String(value) : undefined
}

function wantedOf(type: string): string {
  if (!isNative(type)) return `a string, as PostgreSQL prints ${type}`
  return type === 'boolean' ? 'true or false' : 'a whole number'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'undefined' ? 'absent' : `a ${typeof value}`
}

function badData(flow: Flow, { values }: NetRow, why: string): FatalProblem {
  const key = flow.from.key.map((name, i) => `${name} ${values[i]}`).join(', ')
  return new FatalProblem(
    'bad-data',
    `the row (${key}) of ${flow.from.quoted} cannot be written back to ${flow.name}: ${why}. Nothing is lost: correct that row there, and resume`,
  )
}

function outOf(flow: Flow) {
  return flow.fold as Extract<Flow['fold'], { kind: 'out' }>
}

const range = (length: number) => Array.from({ length }, (_, i) => i)

const plain = (text: string): Statement => ({ columns: [], text })
