import type { Queryable } from '@banyan/postgres'
import type { Item, Price, Terms } from './bricklink.ts'

export interface KeptPrice extends Price {
  readonly fetchedAt: Date
}

/** Distinguishes items. */
export function keyOf({ type, no, colourId }: Item): string {
  return `${type} ${colourId} ${no}`
}

/** Prices that BrickLink said before, of whatever age; by `keyOf`. */
export async function keptPrices(
  db: Queryable,
  items: readonly Item[],
  { condition, currency }: Terms,
): Promise<Map<string, KeptPrice>> {
  const { rows } = await db.query<{
    type: string
    no: string
    colour: number
    known: boolean
    average: string | null
    offered: string
    fetched_at: Date
  }>(
    `SELECT item_type AS type, item_no AS no, colour_id AS colour, known, average, offered, fetched_at
     FROM unnest($1::text[], $2::text[], $3::int[]) AS asked (item_type, item_no, colour_id)
     JOIN processing.prices USING (item_type, item_no, colour_id)
     WHERE condition = $4 AND currency = $5`,
    [
      items.map(({ type }) => type),
      items.map(({ no }) => no),
      items.map(({ colourId }) => colourId),
      condition,
      currency,
    ],
  )
  return new Map(
    rows.map(({ type, no, colour, known, average, offered, fetched_at: fetchedAt }) => [
      keyOf({ type, no, colourId: colour }),
      {
        known,
        average: average === null ? null : BigInt(average),
        offered: Number(offered),
        fetchedAt,
      },
    ]),
  )
}

export async function keepPrice(
  db: Queryable,
  { type, no, colourId }: Item,
  { condition, currency }: Terms,
  { known, average, offered }: Price,
): Promise<KeptPrice> {
  const { rows } = await db.query<{ fetched_at: Date }>(
    `INSERT INTO processing.prices
       (item_type, item_no, colour_id, condition, currency, known, average, offered)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (item_no, colour_id, item_type, condition, currency) DO UPDATE
       SET known = excluded.known, average = excluded.average, offered = excluded.offered,
         fetched_at = excluded.fetched_at
     RETURNING fetched_at`,
    [type, no, colourId, condition, currency, known, average, offered],
  )
  return { known, average, offered, fetchedAt: rows[0]!.fetched_at }
}

/** Counts a call of today (UTC); false, and not counted, when `callsPerDay` were made. */
export async function countCall(db: Queryable, callsPerDay: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO processing.price_calls AS today (day, calls)
     VALUES ((clock_timestamp() AT TIME ZONE 'UTC')::date, 1)
     ON CONFLICT (day) DO UPDATE SET calls = today.calls + 1 WHERE today.calls < $1`,
    [callsPerDay],
  )
  return rowCount === 1
}
