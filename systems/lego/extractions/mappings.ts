import type { ColumnSource, TableSpec } from '@banyan/replication'

// How the monolith's gallery and MOCs lie in the tables of the services that take them over.

/** The monolith's search document, which no service keeps, as its own writes make it. */
const SEARCH = `setweight(to_tsvector('english', title), 'A')
  || setweight(to_tsvector('english', array_to_string(tags, ' ')), 'B')
  || setweight(to_tsvector('english', coalesce(description, '')), 'C')`

const same = (...names: string[]): Record<string, ColumnSource> =>
  Object.fromEntries(names.map((name) => [name, name]))

const ALBUM = same('id', 'title', 'description', 'cover_image_id', 'created_at', 'updated_at')
const IMAGE = {
  ...same('id', 'album_id', 'title', 'description', 'tags', 'image_url', 'thumbnail_url'),
  ...same('flagged', 'created_at', 'updated_at'),
}
const FLAG = same('id', 'image_id', 'reason', 'status', 'created_at', 'reviewed_at')
const MOC = {
  ...same('id', 'title', 'description', 'author', 'theme', 'tags', 'thumbnail_url', 'status'),
  ...same('total_piece_count', 'created_at', 'updated_at'),
}

/** With its search document: computed on the way back, and nothing else by the monolith. */
const searched = (columns: Record<string, ColumnSource>): Partial<TableSpec> => ({
  owner: 'user_id',
  forward: { ...columns, owner_id: 'user_id' },
  backward: {
    ...columns,
    user_id: 'owner_id',
    search: { from: ['title', 'tags', 'description'], sql: SEARCH },
  },
  holds: [`search = (${SEARCH})`],
})

const ofMoc = { through: 'moc_id', parent: 'public.moc_instructions' }

/** A join table, as an array of the MOC's row. */
const links = (join: string, column: string, into: string): TableSpec => ({
  source: `public.${join}`,
  target: 'moc.mocs',
  owner: ofMoc,
  forward: { id: column },
  fold: { into, parent: { moc_id: 'id' }, key: [column] },
})

export const galleryTables: readonly TableSpec[] = [
  {
    source: 'public.gallery_albums',
    target: 'gallery.albums',
    owner: 'user_id',
    forward: { ...ALBUM, owner_id: 'user_id' },
  },
  {
    source: 'public.gallery_images',
    target: 'gallery.images',
    owner: 'user_id',
    ...searched(IMAGE),
  },
  {
    source: 'public.gallery_flags',
    target: 'gallery.flags',
    // The image's owner, not who flagged it: both rows change in one transaction.
    owner: { through: 'image_id', parent: 'public.gallery_images' },
    forward: { ...FLAG, flagged_by: 'user_id' },
  },
]

export const mocTables: readonly TableSpec[] = [
  { source: 'public.moc_instructions', target: 'moc.mocs', owner: 'user_id', ...searched(MOC) },
  { source: 'public.moc_files', target: 'moc.files', owner: ofMoc },
  { source: 'public.moc_parts_lists', target: 'moc.parts_lists', owner: ofMoc },
  links('moc_gallery_images', 'gallery_image_id', 'gallery_image_ids'),
  links('moc_gallery_albums', 'gallery_album_id', 'gallery_album_ids'),
]
