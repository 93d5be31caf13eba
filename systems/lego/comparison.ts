import { type Comparison, compareRows, orderedRows } from '@banyan/lab'
import { THEMES } from './services/wishlist/themes.ts'
import type { RowsName } from './topology.ts'

// Written apart from the plan's mapping and from the replication engine: what checks must not share
// a mistake with what is checked.

const DISPLAY = Object.entries(THEMES)
  .map(([code, name]) => `WHEN '${code}' THEN '${name}'`)
  .join(' ')

/** How one side's rows of a table are read: page by page, or some of them (`$1`). */
interface Reading {
  readonly pages: string
  readonly some: string
}

const page = (select: string, from: string): Reading => {
  const one = `SELECT * FROM (${select} FROM ${from}) AS one`
  return {
    pages: `${one} WHERE $1::text IS NULL OR key > $1 ORDER BY key LIMIT $2`,
    some: `${one} WHERE key = ANY ($1::text[])`,
  }
}

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
/** Join tables at the source, arrays in the row at the target. */
const joined = (table: string, column: string) =>
  page(
    `SELECT (moc_id || '/' || ${column}) COLLATE "C" AS key, moc_id::text AS value`,
    `public.${table}`,
  )
const folded = (array: string) =>
  page(
    `SELECT (moc.id || '/' || (link ->> 'id')) COLLATE "C" AS key, moc.id::text AS value`,
    `moc.mocs AS moc CROSS JOIN jsonb_array_elements(${array}) AS link`,
  )
const SOURCE_MOCS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(user_id, ${MOC}, search::text)::text AS value`,
  'public.moc_instructions',
)
const TARGET_MOCS = page(
  `SELECT id::text COLLATE "C" AS key, json_build_array(owner_id, ${MOC}, ${DOCUMENT}::text)::text AS value`,
  'moc.mocs',
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

/** A table of the monolith, and how its rows are read on both sides. */
export interface ComparedTable {
  /** As the plan names it. */
  readonly table: string
  readonly source: Reading
  readonly target: Reading
}

const compared = (table: string, source: Reading, target: Reading): ComparedTable => ({
  table: `public.${table}`,
  source,
  target,
})

/** What to compare of each extraction. */
export const COMPARED: Readonly<Record<RowsName, readonly ComparedTable[]>> = {
  wishlist: [
    compared('wishlist_items', SOURCE_ITEMS, TARGET_ITEMS),
    compared(
      'wishlist_reorders',
      reorders('user_id', 'public.wishlist_reorders'),
      reorders('owner_id', 'wishlist.pending_reorders'),
    ),
  ],
  profile: [
    compared('user_profiles', profiles('public.user_profiles'), profiles('profile.profiles')),
  ],
  gallery: [
    compared('gallery_albums', SOURCE_ALBUMS, TARGET_ALBUMS),
    compared('gallery_images', SOURCE_IMAGES, TARGET_IMAGES),
    compared(
      'gallery_flags',
      flags('user_id', 'public.gallery_flags'),
      flags('flagged_by', 'gallery.flags'),
    ),
  ],
  moc: [
    compared('moc_instructions', SOURCE_MOCS, TARGET_MOCS),
    compared('moc_files', files('public.moc_files'), files('moc.files')),
    compared(
      'moc_parts_lists',
      partsLists('public.moc_parts_lists'),
      partsLists('moc.parts_lists'),
    ),
    compared(
      'moc_gallery_images',
      joined('moc_gallery_images', 'gallery_image_id'),
      folded('gallery_image_ids'),
    ),
    compared(
      'moc_gallery_albums',
      joined('moc_gallery_albums', 'gallery_album_id'),
      folded('gallery_album_ids'),
    ),
  ],
}

/** Compares the tables of an extraction on both sides, row by row. */
export async function compareSides(
  extraction: RowsName,
  source: string,
  target: string,
): Promise<Comparison> {
  const total = { source: 0, target: 0, divergent: 0, examples: [] as string[] }
  for (const table of COMPARED[extraction]) {
    const one = await compareTable(table, source, target)
    total.source += one.source
    total.target += one.target
    total.divergent += one.divergent
    total.examples.push(...one.examples)
  }
  return total
}

/** @param onDifference told the key of each row that is on one side only, or differs. */
export function compareTable(
  table: ComparedTable,
  source: string,
  target: string,
  onDifference?: (key: string) => void,
): Promise<Comparison> {
  return compareRows(
    orderedRows(source, table.source.pages),
    orderedRows(target, table.target.pages),
    onDifference,
  )
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
