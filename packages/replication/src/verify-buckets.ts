import { type BucketSet, bucketOf } from '@banyan/contracts'
import { type Pool, sqlState, transaction } from '@banyan/postgres'
import { ownerColumnSql } from './fold.ts'
import { type MappedTable, mapBoth } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { ownedBySql } from './owner-path.ts'
import { tableName } from './part.ts'
import type { SideName } from './side.ts'

export interface BucketCheckOptions {
  readonly tables: readonly ResolvedTable[]
  readonly source: Pool
  readonly target: Pool
  readonly buckets: BucketSet
  /** More rows than this are not compared: it would take too long while writers wait. */
  readonly mostRows: number
  /** Time to find the rows, ms. */
  readonly withinMs: number
}

export interface BucketCheck {
  readonly outcome: 'equal' | 'different' | 'timeout'
  readonly rows: number
  /** Source names of the tables that differ. */
  readonly tables: readonly string[]
}

export interface PreparedCheck {
  /** Rows when it was prepared. */
  readonly rows: number
  /** Compares the rows, which stand still by now, within `deadlineMs`. */
  run(deadlineMs: number): Promise<BucketCheck>
}

/** One table on one side, and the owners whose rows are compared. */
interface Part {
  readonly pool: Pool
  readonly mapped: MappedTable
  readonly where: string
  readonly owners: (string | null)[]
}

const CANCELLED = '57014'

/**
 * Finds the owners of some buckets while nobody waits, so that their rows can be compared through the
 * index of the owner key in the moment when everybody does. Per table and side the comparison is a
 * count and an order-independent sum of row hashes.
 *
 * @returns null when there are too many rows, or finding them took too long.
 */
export async function prepareBucketCheck(
  options: BucketCheckOptions,
): Promise<PreparedCheck | null> {
  try {
    const pairs = await Promise.all(
      options.tables.map(async (table) => {
        const mapped = await mapBoth(options.source, options.target, table)
        const [source, target] = await Promise.all([
          partOf(options, table, 'source', mapped.onSource),
          partOf(options, table, 'target', mapped.onTarget),
        ])
        // An owner that only one side knows is compared on both.
        const owners = [...new Set([...source.part.owners, ...target.part.owners])]
        return {
          name: tableName(table.spec),
          rows: Math.max(source.rows, target.rows),
          source: { ...source.part, owners },
          target: { ...target.part, owners },
        }
      }),
    )
    const rows = pairs.reduce((sum, pair) => sum + pair.rows, 0)
    if (rows > options.mostRows) return null
    return { rows, run: (deadlineMs) => compare(pairs, deadlineMs) }
  } catch (error) {
    if (sqlState(error) === CANCELLED) return null
    throw error
  }
}

async function partOf(
  options: BucketCheckOptions,
  table: ResolvedTable,
  side: SideName,
  mapped: MappedTable,
): Promise<{ part: Part; rows: number }> {
  const pool = options[side]
  const path = table.owners[side]
  if (path === null) {
    const [row] = await bounded(pool, options.withinMs, (query) =>
      query<{ n: number }>(`SELECT count(*)::int AS n FROM ${mapped.quoted} AS t`),
    )
    return { part: { pool, mapped, where: '', owners: [] }, rows: row!.n }
  }
  const all = await bounded(pool, options.withinMs, (query) =>
    query<{ owner: string | null; n: number }>(
      `SELECT ${mapped.owner} AS owner, count(*)::int AS n FROM ${mapped.quoted} AS t GROUP BY 1`,
    ),
  )
  const mine = all.filter(({ owner }) => options.buckets.has(bucketOf(owner)))
  return {
    part: {
      pool,
      mapped,
      where: `WHERE ${ownedBySql(path, ownerColumnSql(table, side))}`,
      // Empty through a parent: the row names none.
      owners: mine.map(({ owner }) => (table.fold || path.hops.length > 0 ? owner || null : owner)),
    },
    rows: mine.reduce((sum, { n }) => sum + n, 0),
  }
}

async function compare(
  pairs: readonly { name: string; source: Part; target: Part }[],
  deadlineMs: number,
): Promise<BucketCheck> {
  try {
    const sums = await Promise.all(
      pairs.map(async ({ name, source, target }) => {
        const [here, there] = await Promise.all([
          sumOf(source, deadlineMs),
          sumOf(target, deadlineMs),
        ])
        return { name, here, there }
      }),
    )
    const tables = sums
      .filter(({ here, there }) => here.count !== there.count || here.sum !== there.sum)
      .map(({ name }) => name)
    const rows = sums.reduce((total, { here }) => total + Number(here.count), 0)
    return { outcome: tables.length > 0 ? 'different' : 'equal', rows, tables }
  } catch (error) {
    if (sqlState(error) === CANCELLED) return { outcome: 'timeout', rows: 0, tables: [] }
    throw error
  }
}

async function sumOf(part: Part, deadlineMs: number): Promise<{ count: string; sum: string }> {
  const { mapped, where, owners } = part
  const rows = await bounded(part.pool, deadlineMs, (query) =>
    query<{ count: string; sum: string }>(
      `SELECT count(*)::text AS count, coalesce(sum(${mapped.hash}::numeric), 0)::text AS sum
         FROM ${mapped.quoted} AS t ${where}`,
      where === '' ? [] : [owners.filter((owner) => owner !== null), owners.includes(null)],
    ),
  )
  return rows[0]!
}

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>

/** Runs a statement that the server cancels after `ms`. */
function bounded<T>(pool: Pool, ms: number, work: (query: Query) => Promise<T>): Promise<T> {
  return transaction(pool, async (client) => {
    // 0 would mean no limit.
    await client.query(`SET LOCAL statement_timeout = ${Math.max(1, Math.floor(ms))}`)
    return work(async (text, values) => (await client.query(text, values)).rows)
  })
}
