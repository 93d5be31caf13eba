import type { Queryable } from '@banyan/postgres'
import type { ResolvedTable, TableSpec } from './mapping.ts'

export async function resolveTable(
  _source: Queryable,
  _target: Queryable,
  _spec: TableSpec,
): Promise<ResolvedTable> {
  throw new Error('not yet')
}
