import type { BucketSet } from '@banyan/contracts'
import { type Pool, transaction } from '@banyan/postgres'
import { sqlState } from './failures.ts'
import { type MappedTable, mapTable } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'

export interface BucketCheckOptions {
  readonly tables: readonly ResolvedTable[]
  readonly source: Pool
  readonly target: Pool
  readonly buckets: BucketSet
  /** Time for all of it, ms; past it the answer is `timeout`. */
  readonly deadlineMs: number
}

export interface BucketCheck {
  readonly outcome: 'equal' | 'different' | 'timeout'
  readonly rows: number
  /** Source names of the tables that differ. */
  readonly tables: readonly string[]
  readonly ms: number
}

const CANCELLED = '57014'

/**
 * Compares the rows of buckets that stand still: per table and side a count and an
 * order-independent sum of row hashes. The bucket is computed once an owner, not once a row, since
 * SHA-256 costs about 1 µs.
 */
export async function verifyBuckets(options: BucketCheckOptions): Promise<BucketCheck> {
  const began = performance.now()
  const answer = (
    outcome: BucketCheck['outcome'],
    rows: number,
    tables: string[],
  ): BucketCheck => ({
    outcome,
    rows,
    tables,
    ms: performance.now() - began,
  })
  const left = () => Math.floor(options.deadlineMs - (performance.now() - began))
  try {
    const sums = await Promise.all(
      options.tables.map(async (table) => {
        const [source, target] = await Promise.all([
          sumOf(options.source, await mapTable(options.source, table, 'source'), options, left),
          sumOf(options.target, await mapTable(options.target, table, 'target'), options, left),
        ])
        return { name: table.spec.source, source, target }
      }),
    )
    const different = sums.filter(
      ({ source, target }) => source.count !== target.count || source.sum !== target.sum,
    )
    const rows = sums.reduce((total, { source }) => total + Number(source.count), 0)
    return answer(
      different.length > 0 ? 'different' : 'equal',
      rows,
      different.map(({ name }) => name),
    )
  } catch (error) {
    if (sqlState(error) === CANCELLED) return answer('timeout', 0, [])
    throw error
  }
}

interface Sum {
  count: string
  sum: string
}

async function sumOf(
  pool: Pool,
  mapped: MappedTable,
  options: BucketCheckOptions,
  left: () => number,
): Promise<Sum> {
  return transaction(pool, async (client) => {
    // A deadline of 0 would mean none.
    await client.query(`SET LOCAL statement_timeout = ${Math.max(1, left())}`)
    const { rows } = await client.query<Sum>(
      sumQuery(mapped),
      mapped.owner === null ? [] : [[...options.buckets]],
    )
    return rows[0]!
  })
}

function sumQuery(mapped: MappedTable): string {
  const sum = `SELECT count(*)::text AS count, coalesce(sum(${mapped.hash}::numeric), 0)::text AS sum`
  if (mapped.owner === null) return `${sum} FROM ${mapped.quoted} AS t`
  return `WITH owners AS MATERIALIZED (
      SELECT DISTINCT ${mapped.owner} AS owner FROM ${mapped.quoted} AS t
    ), given AS MATERIALIZED (
      SELECT owner FROM owners WHERE banyan.bucket(owner) = ANY ($1::int[])
    )
    ${sum} FROM ${mapped.quoted} AS t
    WHERE ${mapped.owner} IN (SELECT owner FROM given)
       OR ${mapped.owner} IS NULL AND EXISTS (SELECT FROM given WHERE owner IS NULL)`
}
