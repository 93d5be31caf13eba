import { type Pool, type PoolClient, transaction } from '@banyan/postgres'
import type { ResolvedTable, SideName } from '@banyan/replication'
import type { SequenceRecord } from './store.ts'

interface Found {
  /** Quoted, with its schema. */
  readonly sequence: string
  readonly column: string
  readonly increment: number
}

/** Sequences that fill columns of a table: serial, identity, or a default that calls nextval. */
async function sequencesOf(pool: Pool, oid: number): Promise<Found[]> {
  const { rows } = await pool.query<Found>(
    `SELECT DISTINCT s.seqrelid::regclass::text AS sequence, a.attname AS column, s.seqincrement::float8 AS increment
       FROM pg_attribute a
       JOIN pg_depend d ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
       JOIN pg_sequence s ON s.seqrelid = d.objid
      WHERE a.attrelid = $1
      UNION
     SELECT s.seqrelid::regclass::text, a.attname, s.seqincrement::float8
       FROM pg_attribute a
       JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
       JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
       JOIN pg_sequence s ON s.seqrelid = d.refobjid
      WHERE a.attrelid = $1`,
    [oid],
  )
  return rows
}

/**
 * Makes the two sides draw from disjoint halves for the whole extraction, by doubling the increment
 * and starting one increment apart. Any margin would be used up by a long canary instead.
 *
 * @returns what to undo, to be stored before anything is changed.
 */
export async function planSequences(
  source: Pool,
  target: Pool,
  tables: readonly ResolvedTable[],
): Promise<SequenceRecord[]> {
  const records: SequenceRecord[] = []
  for (const table of tables) {
    const [mine, theirs] = await Promise.all([
      sequencesOf(source, table.source.oid),
      sequencesOf(target, table.target.oid),
    ])
    for (const one of mine) {
      const column = targetColumn(table, one.column)
      const other = theirs.find((candidate) => candidate.column === column)
      records.push({ side: 'source', ...pick(one), counterpart: other?.sequence ?? null })
      if (other)
        records.push({
          side: 'target',
          ...pick(other),
          increment: one.increment,
          counterpart: one.sequence,
        })
    }
  }
  return onceEach(records)
}

/** Tables that share rows (a split, a merge) name a sequence more than once; one that knows its counterpart counts. */
function onceEach(records: readonly SequenceRecord[]): SequenceRecord[] {
  const kept = new Map<string, SequenceRecord>()
  for (const record of records) {
    const id = `${record.side} ${record.sequence}`
    if (!kept.get(id)?.counterpart) kept.set(id, record)
  }
  return [...kept.values()]
}

/** Doubles the increments; safe to run again. */
export async function splitSequences(
  pools: Record<SideName, Pool>,
  records: readonly SequenceRecord[],
): Promise<void> {
  for (const record of records.filter((one) => one.side === 'source' && one.counterpart)) {
    const { increment } = record
    const last = await transaction(pools.source, async (client) => {
      // ALTER takes a lock that nextval waits for, so no number is drawn in between.
      await client.query(`ALTER SEQUENCE ${record.sequence} INCREMENT BY ${2 * increment}`)
      return lastValue(client, record.sequence)
    })
    await transaction(pools.target, async (client) => {
      await client.query(`ALTER SEQUENCE ${record.counterpart} INCREMENT BY ${2 * increment}`)
      const theirs = await lastValue(client, record.counterpart!)
      await client.query('SELECT setval($1, $2, true)', [
        record.counterpart,
        otherHalf(last, theirs, BigInt(increment)).toString(),
      ])
    })
  }
}

/**
 * The sequences of the side that stays go back to their own increment, above everything either side
 * has drawn; the other side's are left as they are unless it stays too.
 */
export async function joinSequences(
  pools: Record<SideName, Pool>,
  records: readonly SequenceRecord[],
  owner: SideName,
): Promise<void> {
  for (const record of records.filter((one) => one.side === owner && one.counterpart)) {
    const other = await transaction(pools[owner === 'source' ? 'target' : 'source'], (client) =>
      lastValue(client, record.counterpart!),
    )
    await transaction(pools[owner], async (client) => {
      await client.query(`ALTER SEQUENCE ${record.sequence} INCREMENT BY ${record.increment}`)
      const mine = await lastValue(client, record.sequence)
      const highest = record.increment > 0 === mine > other ? mine : other
      await client.query('SELECT setval($1, $2, true)', [record.sequence, highest.toString()])
    })
  }
}

/**
 * A value of the target's from which the next one falls between two of the source's: congruent to
 * `last + increment` modulo twice the increment, and not behind what the target already drew.
 */
export function otherHalf(last: bigint, theirs: bigint, increment: bigint): bigint {
  const step = 2n * increment
  let value = last + increment
  while (increment > 0n ? value < theirs : value > theirs) {
    const missing = (theirs - value) / step
    value += (missing > 0n ? missing : 1n) * step
  }
  return value
}

async function lastValue(client: PoolClient, sequence: string): Promise<bigint> {
  const { rows } = await client.query<{ value: string }>(
    `SELECT last_value - CASE WHEN is_called THEN 0 ELSE s.seqincrement END AS value
       FROM ${sequence}, pg_sequence s WHERE s.seqrelid = $1::regclass`,
    [sequence],
  )
  return BigInt(rows[0]!.value)
}

function pick({ sequence, increment }: Found): Pick<SequenceRecord, 'sequence' | 'increment'> {
  return { sequence, increment }
}

function targetColumn(table: ResolvedTable, sourceColumn: string): string | null {
  // Elements have no sequence of their own; their parent's row has another's.
  if (table.fold) return null
  return (
    table.forward.find((one) => one.sql === null && one.from[0] === sourceColumn)?.column ?? null
  )
}
