import type { BucketSet } from '@banyan/contracts'
import type { Pool, Queryable } from '@banyan/postgres'
import { literal, quoteIdent } from './catalog.ts'
import { columnOf } from './flow.ts'
import { type HashedRow, hashesByKey, keyOf, type MappedTable, readHashes } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { compareKeys, operator } from './operators.ts'

/** Keys of rows that differ at first sight, with how many rows were looked at. */
export interface Scanned {
  readonly rows: number
  readonly suspects: readonly (readonly string[])[]
}

export interface ScanOptions {
  readonly table: ResolvedTable
  readonly source: Pool
  readonly target: Pool
  readonly onSource: MappedTable
  readonly onTarget: MappedTable
  readonly buckets: BucketSet | undefined
  readonly chunkRows: number
}

/** Compares hashes of a whole table, chunk by chunk. */
export async function* scanTable(options: ScanOptions): AsyncGenerator<Scanned> {
  if (sortsAlike(options.table)) {
    yield* scanRanges(options)
  } else {
    yield* scanLookingUp(options, 'source')
    yield* scanLookingUp(options, 'target')
  }
}

/** Types whose order does not depend on a locale, or on how a side declared them. */
const PLAIN_ORDER = new Set([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'uuid',
  'date',
  'timestamp without time zone',
  'timestamp with time zone',
  'boolean',
  'bytea',
])

/** Whether both sides put the keys in the same order, so that a range of one is a range of the other. */
function sortsAlike(table: ResolvedTable): boolean {
  return table.source.key.every((name) => {
    const here = columnOf(table.source, name)
    const there = columnOf(
      table.target,
      table.forward.find((expr) => expr.sql === null && expr.from[0] === name)!.column,
    )
    if (here.baseType !== there.baseType) return false
    if (PLAIN_ORDER.has(here.baseType)) return true
    const bytewise = ['C', 'POSIX', 'ucs_basic']
    return (
      ['text', 'character varying'].includes(here.baseType) &&
      bytewise.includes(here.collation ?? '') &&
      bytewise.includes(there.collation ?? '')
    )
  })
}

async function* scanRanges(options: ScanOptions): AsyncGenerator<Scanned> {
  const { source, target, onSource, onTarget, chunkRows } = options
  let last: readonly string[] | null = null
  let next = page(source, onSource, null, null, options)
  for (;;) {
    const here: Map<string, HashedRow> = await next
    const end = here.size < chunkRows ? null : [...here.values()].at(-1)!.ownKey
    // The source reads on while the target looks the same range up.
    if (end) {
      next = page(source, onSource, end, null, options)
      next.catch(() => {})
    }
    const suspects: (readonly string[])[] = []
    const missing = new Map(here)
    let from: readonly string[] | null = last
    for (;;) {
      const there: Map<string, HashedRow> = await page(target, onTarget, from, end, options)
      for (const [key, row] of there) {
        if (missing.get(key)?.hash !== row.hash) suspects.push(row.key)
        missing.delete(key)
      }
      if (there.size < chunkRows) break
      from = [...there.values()].at(-1)!.ownKey
    }
    for (const row of missing.values()) suspects.push(row.key)
    yield { rows: here.size, suspects }
    if (!end) return
    last = end
  }
}

/** Looks the rows of one side up on the other. From the target only what is in excess is new. */
async function* scanLookingUp(
  options: ScanOptions,
  side: 'source' | 'target',
): AsyncGenerator<Scanned> {
  const forward = side === 'source'
  const [db, mapped] = forward
    ? [options.source, options.onSource]
    : [options.target, options.onTarget]
  const [other, mappedThere] = forward
    ? [options.target, options.onTarget]
    : [options.source, options.onSource]
  let last: readonly string[] | null = null
  for (;;) {
    const here: Map<string, HashedRow> = await page(db, mapped, last, null, options)
    const rows = [...here.values()]
    const there = await hashesByKey(
      other,
      mappedThere,
      rows.map((row) => row.key),
    )
    const suspects = rows.filter((row) => {
      const found = there.get(keyOf(row.key))
      return forward ? found?.hash !== row.hash : found === undefined
    })
    yield { rows: forward ? rows.length : 0, suspects: suspects.map((row) => row.key) }
    if (rows.length < options.chunkRows) return
    last = rows.at(-1)!.ownKey
  }
}

/** Rows of arrays are found by their parents' key, which is the first column of their own. */
function parentsOf(
  { table }: ScanOptions,
  { ownKey }: MappedTable,
  after: readonly string[] | null,
  end: readonly string[] | null,
): string[] {
  if (!table.fold) return []
  const [{ column, type, ...first }] = ownKey as [MappedTable['ownKey'][number]]
  const compare = (sign: '>=' | '<=', value: string) =>
    `t.${quoteIdent(column)} ${operator(first, sign)} ${literal(value)}::${type}`
  return [...(after ? [compare('>=', after[0]!)] : []), ...(end ? [compare('<=', end[0]!)] : [])]
}

/** At most a chunk of rows behind `after`, up to and with `end`, in key order. */
function page(
  db: Queryable,
  mapped: MappedTable,
  after: readonly string[] | null,
  end: readonly string[] | null,
  options: ScanOptions,
): Promise<Map<string, HashedRow>> {
  const keys = mapped.ownKey.map(({ column }) => `t.${quoteIdent(column)}`)
  const key = keys.join(', ')
  const tuple = (values: readonly string[]) =>
    values.map((value, i) => `${literal(value)}::${mapped.ownKey[i]!.type}`)
  const where = [
    ...(after ? [compareKeys(mapped.ownKey, keys, '>', tuple(after))] : []),
    ...(end ? [compareKeys(mapped.ownKey, keys, '<=', tuple(end))] : []),
    ...parentsOf(options, mapped, after, end),
    ...(options.buckets && mapped.bucket
      ? [`${mapped.bucket} = ANY ('{${[...options.buckets].join(',')}}')`]
      : []),
  ]
  const condition = where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''
  return readHashes(
    db,
    mapped,
    `FROM ${mapped.quoted} AS t ${condition} ORDER BY ${key} LIMIT ${options.chunkRows}`,
    [],
  )
}
