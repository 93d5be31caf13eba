import { BanyanError } from '@banyan/contracts'
import { type Pool, sqlState } from '@banyan/postgres'
import { columnOf } from './flow.ts'
import type { Link } from './link.ts'
import { keyOf, type MappedSides, mapBoth, ownerKeyOf, rowsByKey } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { type Owner, Owners } from './owners.ts'
import { tableName } from './part.ts'
import { settle } from './settle.ts'
import type { SideName } from './side.ts'
import type { Divergence } from './verify.ts'

export interface RowOptions {
  readonly table: ResolvedTable
  /** Values of the key as text, in the order of the source's key. */
  readonly key: readonly string[]
  readonly source: Pool
  readonly target: Pool
  readonly forward: Link
  readonly reverse: Link
}

export type Repaired = 'written' | 'deleted' | 'refused'

/** One row on both sides, once replication has caught up with it. */
export interface RowInspection {
  /** The key as the source prints it. */
  readonly key: readonly string[]
  /** Whether any side has such a row. */
  readonly exists: boolean
  /** The side that may write it; null while its bucket is being handed over. */
  readonly owner: SideName | null
  /** Null when both sides agree, or it cannot be told. */
  readonly divergence: Divergence | null
  /** What differs, for `changed` and `swapped`. */
  readonly values: readonly {
    readonly column: string
    readonly owner: string | null
    readonly other: string | null
  }[]
}

/**
 * Looks at one row on both sides.
 *
 * @throws BanyanError `BAD_REQUEST` when the key does not fit the table's; an Error when a stream
 *   that is needed does not run; the signal's reason.
 */
export async function inspectRow(
  options: RowOptions,
  signal?: AbortSignal,
): Promise<RowInspection> {
  const { table, source, target, forward, reverse } = options
  const key = await printedKey(options)
  const mapped = await mapBoth(source, target, table)
  const before = await look({ ...options, key }, mapped)
  // It cannot be told who is right until the handover is over.
  if (before.exists && !before.owner) {
    return { key, exists: true, owner: null, divergence: null, values: [] }
  }
  const { extraction } = forward.options
  const compared = { ...mapped, extraction, source, target, forward, reverse, signal }
  const [divergence] = await settle(compared, [key])
  const { exists, owner, rows } = await look({ ...options, key }, mapped)
  const [owners, others] =
    owner?.side === 'target' ? [rows.target, rows.source] : [rows.source, rows.target]
  return {
    key,
    exists,
    owner: owner?.side ?? null,
    divergence: divergence ?? null,
    values: (divergence?.columns ?? []).map((column) => {
      const i = mapped.onTarget.columns.indexOf(column)
      return { column, owner: owners?.[i] ?? null, other: others?.[i] ?? null }
    }),
  }
}

/**
 * Copies one row from its owner's side over whatever the other side holds; deletes it there when
 * the owner has none. Done by the applier of the stream that leads there, between two batches.
 *
 * @returns `refused` when its bucket is open on the side that would be written, or on its way there.
 * @throws BanyanError `BAD_REQUEST` when the key does not fit the table's; an Error when that
 *   stream does not run.
 */
export async function repairRow(options: RowOptions): Promise<Repaired> {
  const { table, source, target, forward, reverse } = options
  const key = await printedKey(options)
  const { owner } = await look({ ...options, key }, await mapBoth(source, target, table))
  if (!owner) return 'refused'
  return (owner.side === 'target' ? reverse : forward).repair(tableName(table.spec), key)
}

/** The row as both sides have it, and who owns it. */
async function look(
  { source, target, forward, key }: RowOptions,
  { onSource, onTarget }: MappedSides,
): Promise<{
  exists: boolean
  owner: Owner | null
  rows: Record<SideName, (string | null)[] | undefined>
}> {
  const [here, there, owners] = await Promise.all([
    rowsByKey(source, onSource, [key]),
    rowsByKey(target, onTarget, [key]),
    Owners.read({ source, target }, forward.options.extraction),
  ])
  const rows = { source: here.get(keyOf(key)), target: there.get(keyOf(key)) }
  const owner = owners.ofRow({
    source: ownerKeyOf(onTarget, rows.source),
    target: ownerKeyOf(onTarget, rows.target),
  })
  return { exists: rows.source !== undefined || rows.target !== undefined, owner, rows }
}

/** The key as PostgreSQL prints it, whichever way it was written. */
async function printedKey({ table, key, source }: RowOptions): Promise<readonly string[]> {
  const names = table.source.key
  if (key.length !== names.length) {
    throw new BanyanError('BAD_REQUEST', {
      reason: `the key of ${table.spec.source} is (${names.join(', ')}), given ${key.length} values`,
    })
  }
  const casts = names.map((name, i) => `$${i + 1}::text::${columnOf(table.source, name).baseType}`)
  try {
    const { rows } = await source.query<{ key: string[] }>(
      `SELECT ARRAY[${casts.map((cast) => `(${cast})::text`).join(', ')}] AS key`,
      [...key],
    )
    return rows[0]!.key
  } catch (error) {
    // Data exceptions: what was given is no value of the type.
    if (!sqlState(error)?.startsWith('22')) throw error
    throw new BanyanError('BAD_REQUEST', {
      reason: `the key of ${table.spec.source} is (${names.join(', ')}): ${(error as Error).message}`,
    })
  }
}
