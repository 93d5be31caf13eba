import { BanyanError, bucketOf } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { Link } from './link.ts'
import { keyOf, mapTable, rowsByKey } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { openBuckets } from './settle.ts'

export interface RepairOptions {
  readonly table: ResolvedTable
  /** Values of the key as text, in the order of the source's key. */
  readonly key: readonly string[]
  readonly source: Pool
  readonly target: Pool
  readonly forward: Link
  readonly reverse: Link
}

export type Repaired = 'written' | 'deleted' | 'refused'

/**
 * Copies one row from its owner's side over whatever the other side holds; deletes it there when
 * the owner has none. Done by the applier of the stream that leads there, between two batches.
 *
 * @throws BanyanError `BAD_REQUEST` when the key does not have the table's columns; an Error when
 *   that stream does not run.
 */
export async function repairRow(options: RepairOptions): Promise<Repaired> {
  const { table, key } = options
  if (key.length !== table.source.key.length) {
    throw new BanyanError('BAD_REQUEST', {
      reason: `the key of ${table.spec.source} is (${table.source.key.join(', ')}), given ${key.length} values`,
    })
  }
  const [onSource, onTarget] = await Promise.all([
    mapTable(options.source, table, 'source'),
    mapTable(options.target, table, 'target'),
  ])
  const [here, there, open] = await Promise.all([
    rowsByKey(options.source, onSource, [key]),
    rowsByKey(options.target, onTarget, [key]),
    openBuckets(options.target, options.forward.options.extraction),
  ])
  const row =
    here.get(keyOf(key)) ?? there.get(keyOf(key)) ?? [...here.values(), ...there.values()][0]
  const { ownerIndex } = onTarget
  const bucket = bucketOf(ownerIndex === null || !row ? null : row[ownerIndex])
  const link = open.has(bucket) ? options.reverse : options.forward
  return link.repair(table.spec.source, key)
}
