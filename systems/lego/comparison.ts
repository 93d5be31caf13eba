import { type Comparison, compareRows, orderedRows } from '@banyan/lab'
import { THEMES } from './services/wishlist/themes.ts'
import type { ExtractionName } from './topology.ts'

// Written apart from the plan's mapping and from the replication engine: what checks must not share
// a mistake with what is checked.

const DISPLAY = Object.entries(THEMES)
  .map(([code, name]) => `WHEN '${code}' THEN '${name}'`)
  .join(' ')

const page = (select: string, from: string) => `
  SELECT * FROM (${select} FROM ${from}) AS one
   WHERE $1::text IS NULL OR key > $1 ORDER BY key LIMIT $2`

const SOURCE_ITEMS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(
     user_id, title, description, product_link, image_url, category, sort_order, quantity,
     price::text, is_acquired, extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`,
  'public.wishlist_items',
)
const TARGET_ITEMS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(
     owner_id, title, notes, product_url, image_url, CASE theme ${DISPLAY} END, position, quantity,
     (price_cents * 0.01)::numeric(10, 2)::text, acquired,
     extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`,
  'wishlist.items',
)
const reorders = (owner: string, table: string) =>
  page(
    `SELECT ${owner} COLLATE "C" AS key, json_build_array(
       array_to_string(item_ids, ','), extract(epoch FROM requested_at), extract(epoch FROM due_at))::text AS value`,
    table,
  )

const PROFILE = `json_build_array(display_name, bio, avatar_url, location, preferences,
     extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`
const profiles = (table: string) => page(`SELECT user_id COLLATE "C" AS key, ${PROFILE}`, table)

/** What to compare of each extraction, table by table: at the source, at the target. */
const TABLES: Readonly<Record<ExtractionName, readonly (readonly [string, string])[]>> = {
  wishlist: [
    [SOURCE_ITEMS, TARGET_ITEMS],
    [
      reorders('user_id', 'public.wishlist_reorders'),
      reorders('owner_id', 'wishlist.pending_reorders'),
    ],
  ],
  profile: [[profiles('public.user_profiles'), profiles('profile.profiles')]],
}

/** Compares the tables of an extraction on both sides, row by row. */
export async function compareSides(
  extraction: ExtractionName,
  source: string,
  target: string,
): Promise<Comparison> {
  const total = { source: 0, target: 0, divergent: 0, examples: [] as string[] }
  for (const [left, right] of TABLES[extraction]) {
    const one = await compareRows(orderedRows(source, left), orderedRows(target, right))
    total.source += one.source
    total.target += one.target
    total.divergent += one.divergent
    total.examples.push(...one.examples)
  }
  return total
}

/** Wishlists of some users (`$1`) at each side, in their order. */
export const WISHLISTS = {
  source: `SELECT user_id, id, title, quantity FROM public.wishlist_items
            WHERE user_id = ANY($1) ORDER BY user_id, sort_order`,
  target: `SELECT owner_id AS user_id, id, title, quantity FROM wishlist.items
            WHERE owner_id = ANY($1) ORDER BY owner_id, position`,
} as const

/** Profiles of some users (`$1`) at each side. */
export const PROFILES = {
  source: 'SELECT user_id, display_name FROM public.user_profiles WHERE user_id = ANY($1)',
  target: 'SELECT user_id, display_name FROM profile.profiles WHERE user_id = ANY($1)',
} as const
