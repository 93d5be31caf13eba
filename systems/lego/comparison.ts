import { type Comparison, compareRows, orderedRows } from '@banyan/lab'
import { THEMES } from './services/wishlist/themes.ts'
import type { RowsName } from './topology.ts'

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

const SOURCE_ALBUMS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(user_id, title, description, cover_image_id,
     extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`,
  'public.gallery_albums',
)
const TARGET_ALBUMS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(owner_id, title, description, cover_image_id,
     extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`,
  'gallery.albums',
)
const IMAGE = `album_id, title, description, tags, image_url, thumbnail_url, flagged,
     extract(epoch FROM created_at), extract(epoch FROM updated_at)`
/** The service has no search document; what the monolith's must be is said here once more. */
const DOCUMENT = `(setweight(to_tsvector('english', title), 'A')
  || setweight(to_tsvector('english', array_to_string(tags, ' ')), 'B')
  || setweight(to_tsvector('english', coalesce(description, '')), 'C'))`
const SOURCE_IMAGES = page(
  `SELECT id::text COLLATE "C" AS key,
     json_build_array(user_id, ${IMAGE}, search::text)::text AS value`,
  'public.gallery_images',
)
const TARGET_IMAGES = page(
  `SELECT id::text COLLATE "C" AS key,
     json_build_array(owner_id, ${IMAGE}, ${DOCUMENT}::text)::text AS value`,
  'gallery.images',
)
const flags = (by: string, table: string) =>
  page(
    `SELECT id::text COLLATE "C" AS key, json_build_array(image_id, ${by}, reason, status,
       extract(epoch FROM created_at), extract(epoch FROM reviewed_at))::text AS value`,
    table,
  )

const MOC = `title, description, author, theme, tags, thumbnail_url, status, total_piece_count,
     extract(epoch FROM created_at), extract(epoch FROM updated_at)`
/** Join tables at the source, arrays in the row at the target; they have no order of their own. */
const joined = (table: string, column: string) =>
  `(SELECT array_agg(${column} ORDER BY ${column}) FROM public.${table} WHERE moc_id = moc.id)`
const folded = (array: string) =>
  `(SELECT array_agg((one ->> 'id')::uuid ORDER BY (one ->> 'id')::uuid) FROM jsonb_array_elements(${array}) AS one)`
const SOURCE_MOCS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(user_id, ${MOC}, search::text,
     ${joined('moc_gallery_images', 'gallery_image_id')}, ${joined('moc_gallery_albums', 'gallery_album_id')})::text AS value`,
  'public.moc_instructions AS moc',
)
const TARGET_MOCS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(owner_id, ${MOC}, ${DOCUMENT}::text,
     ${folded('gallery_image_ids')}, ${folded('gallery_album_ids')})::text AS value`,
  'moc.mocs AS moc',
)
const files = (table: string) =>
  page(
    `SELECT id::text COLLATE "C" AS key, json_build_array(moc_id, kind, file_name, mime_type, size_bytes,
       sha256(content), extract(epoch FROM created_at))::text AS value`,
    table,
  )
const partsLists = (table: string) =>
  page(
    `SELECT id::text COLLATE "C" AS key, json_build_array(moc_id, title, format, parts, lot_count,
       piece_count, acquired_count, extract(epoch FROM created_at), extract(epoch FROM updated_at))::text AS value`,
    table,
  )

/** What to compare of each extraction, table by table: at the source, at the target. */
const TABLES: Readonly<Record<RowsName, readonly (readonly [string, string])[]>> = {
  wishlist: [
    [SOURCE_ITEMS, TARGET_ITEMS],
    [
      reorders('user_id', 'public.wishlist_reorders'),
      reorders('owner_id', 'wishlist.pending_reorders'),
    ],
  ],
  profile: [[profiles('public.user_profiles'), profiles('profile.profiles')]],
  gallery: [
    [SOURCE_ALBUMS, TARGET_ALBUMS],
    [SOURCE_IMAGES, TARGET_IMAGES],
    [flags('user_id', 'public.gallery_flags'), flags('flagged_by', 'gallery.flags')],
  ],
  moc: [
    [SOURCE_MOCS, TARGET_MOCS],
    [files('public.moc_files'), files('moc.files')],
    [partsLists('public.moc_parts_lists'), partsLists('moc.parts_lists')],
  ],
}

/** Compares the tables of an extraction on both sides, row by row. */
export async function compareSides(
  extraction: RowsName,
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

/** Who has a wishlist at each side, with 2 to 60 items; and those of some users (`$1`), in their order. */
export const WISHLISTS = {
  source: {
    users: `SELECT user_id FROM public.wishlist_items
             GROUP BY 1 HAVING count(*) BETWEEN 2 AND 60 ORDER BY 1`,
    items: `SELECT user_id, id, title, quantity FROM public.wishlist_items
             WHERE user_id = ANY($1) ORDER BY user_id, sort_order`,
  },
  target: {
    users: `SELECT owner_id AS user_id FROM wishlist.items
             GROUP BY 1 HAVING count(*) BETWEEN 2 AND 60 ORDER BY 1`,
    items: `SELECT owner_id AS user_id, id, title, quantity FROM wishlist.items
             WHERE owner_id = ANY($1) ORDER BY owner_id, position`,
  },
}

/** Profiles of some users (`$1`) at each side. */
export const PROFILES = {
  source: 'SELECT user_id, display_name FROM public.user_profiles WHERE user_id = ANY($1)',
  target: 'SELECT user_id, display_name FROM profile.profiles WHERE user_id = ANY($1)',
}

/** Galleries of some users (`$1`) at each side. */
export const GALLERIES = {
  source: {
    images: `SELECT user_id, id, title, album_id AS "albumId" FROM public.gallery_images
              WHERE user_id = ANY($1)`,
    albums: `SELECT user_id, id, title, cover_image_id AS "coverImageId" FROM public.gallery_albums
              WHERE user_id = ANY($1)`,
  },
  target: {
    images: `SELECT owner_id AS user_id, id, title, album_id AS "albumId" FROM gallery.images
              WHERE owner_id = ANY($1)`,
    albums: `SELECT owner_id AS user_id, id, title, cover_image_id AS "coverImageId"
               FROM gallery.albums WHERE owner_id = ANY($1)`,
  },
}

/** MOCs of some users (`$1`) at each side. */
export const MOCS = {
  source:
    'SELECT user_id, id, title, description FROM public.moc_instructions WHERE user_id = ANY($1)',
  target:
    'SELECT owner_id AS user_id, id, title, description FROM moc.mocs WHERE owner_id = ANY($1)',
}
