import { bucketOf } from '@banyan/contracts'
import { type FinalValue, type Initial, Random } from '@banyan/lab'
import pg from 'pg'
import { currentKey } from './auth/keys.ts'
import { tokenMinter } from './auth/mint.ts'
import { type MocRow, mocEntity } from './builder.ts'
import { fileEntity } from './filer.ts'
import type { FoundFile } from './kept-files.ts'
import { type AlbumRow, albumEntity, type ImageRow, photoEntity } from './photographer.ts'
import { entityOf, orderOf, type Person } from './wisher.ts'

/** Buckets of the first step, 1 %: some of the people must be in them, or that step would see nobody. */
const FIRST_BUCKETS = 10
const MOST_FIRST = 12
/** So many search, read parts lists and keep files, which costs more than most: those of the first step are among them. */
const FEW = 40
/** Tokens are good for the whole demonstration, however long it stays up, s. */
const TOKEN_LIFETIME_S = 7 * 86_400

/** A database, and what selects some users' rows (`$1`) in it. */
interface Holder<Sql> {
  readonly url: string
  readonly sql: Sql
}

/** Where what the people have is owned now. */
export interface Holders {
  readonly wishlists: Holder<{ readonly users: string; readonly items: string }>
  readonly profiles: Holder<string>
  /** Null: nobody works in the gallery. */
  readonly galleries: Holder<{ readonly images: string; readonly albums: string }> | null
  /** Null: nobody builds. */
  readonly mocs: Holder<string> | null
  /** Whether anybody searches. */
  readonly searching: boolean
  /** Whether anybody looks at what parts lists hold. */
  readonly parsing: boolean
  /** Reads the files of these users; null: nobody keeps any. */
  readonly files: ((users: readonly string[]) => Promise<readonly FoundFile[]>) | null
}

interface ItemRow {
  readonly user_id: string
  readonly id: string
  readonly title: string
  readonly quantity: number
}
type Owned<Row> = Row & { readonly user_id: string }

/**
 * Chooses users for the load, with what they have and a token each.
 *
 * @param people how many; fewer when fewer have 2 to 60 items
 */
export async function choosePeople(
  authUrl: string,
  holders: Holders,
  { people, seed, tag }: { people: number; seed: number; tag: string },
): Promise<Person[]> {
  const { searching, parsing } = holders
  const { url, sql } = holders.wishlists
  const ids = (await query<{ user_id: string }>(url, sql.users)).map((row) => row.user_id)
  const shuffled = new Random(seed).shuffled(ids)
  const first = shuffled.filter((id) => bucketOf(id) < FIRST_BUCKETS).slice(0, MOST_FIRST)
  const chosen = [...new Set([...first, ...shuffled])].slice(0, people)
  const [{ items, names, images, mocs, files }, mint] = await Promise.all([
    held(chosen, holders),
    minterOf(authUrl),
  ])
  return Promise.all(
    chosen.map(async (id, i) => ({
      id,
      tag,
      token: await mint({ sub: id, email: `${id}@example.org`, roles: ['user'] }),
      items: items.get(id)!.map(({ id, title, quantity }) => ({ id, title, quantity })),
      displayName: names.get(id)?.[0]?.display_name ?? null,
      images: images && (images.get(id) ?? []),
      mocs: mocs && (mocs.get(id) ?? []),
      searches: searching && i < FEW,
      parses: parsing && i < FEW,
      files: files && i < FEW ? (files.get(id) ?? []) : null,
    })),
  )
}

/** What the people had before the load, for the checker. */
export function initialOf(people: readonly Person[]): Initial[] {
  return people.flatMap(({ id: user, items, displayName, images, mocs, files }) => [
    ...(files ?? []).map((file) => ({ user, ...fileEntity(file) })),
    ...(images ?? []).map((image) => ({ user, ...photoEntity(image) })),
    ...(mocs ?? []).map((moc) => ({ user, ...mocEntity(moc) })),
    ...items.map((item) => ({ user, ...entityOf(item) })),
    { user, entity: 'order', value: orderOf(items.map((item) => entityOf(item).entity)) },
    ...(displayName === null ? [] : [{ user, entity: 'profile', value: displayName }]),
  ])
}

/** What the people have at the end. */
export async function finalOf(people: readonly Person[], holders: Holders): Promise<FinalValue[]> {
  const found = await held(
    people.map((person) => person.id),
    holders,
  )
  return people.flatMap(({ id: user, tag, files }) => {
    const items = (found.items.get(user) ?? []).map(entityOf)
    const images = found.images?.get(user) ?? []
    const albums = (found.albums?.get(user) ?? []).map((album) => albumEntity(album, images, tag))
    return [
      ...items,
      { entity: 'order', value: orderOf(items.map(({ entity }) => entity)) },
      ...(found.names.get(user) ?? []).map((row) => ({
        entity: 'profile',
        value: row.display_name,
      })),
      ...images.map(photoEntity),
      ...albums.filter((album) => album !== null),
      ...(found.mocs?.get(user) ?? []).map(mocEntity),
      ...(files ? (found.files?.get(user) ?? []) : []).map(fileEntity),
    ].map((one) => ({ user, ...one }))
  })
}

/** Rows of some users, by user. */
async function held(
  ids: readonly string[],
  { wishlists, profiles, galleries, mocs, files }: Holders,
) {
  const of = async <Row extends { user_id: string }>({ url, sql }: Holder<string>) =>
    byUser(await query<Row>(url, sql, [ids]))
  const gallery = <Row extends { user_id: string }>(what: 'images' | 'albums') =>
    galleries && of<Row>({ url: galleries.url, sql: galleries.sql[what] })
  const [items, names, images, albums, built, kept] = await Promise.all([
    of<ItemRow>({ url: wishlists.url, sql: wishlists.sql.items }),
    of<{ user_id: string; display_name: string }>(profiles),
    gallery<Owned<ImageRow>>('images'),
    gallery<Owned<AlbumRow>>('albums'),
    mocs && of<Owned<MocRow>>(mocs),
    files?.(ids),
  ])
  return { items, names, images, albums, mocs: built, files: kept ? byUser(kept) : null }
}

function byUser<Row extends { user_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.user_id)
    if (group) group.push(row)
    else groups.set(row.user_id, [row])
  }
  return groups
}

/** Signs tokens as the Auth Service does, with its key. */
export async function minterOf(authUrl: string) {
  const client = new pg.Client({ connectionString: authUrl })
  await client.connect()
  try {
    const key = await currentKey(client)
    if (!key) throw new Error('the Auth Service has no signing key yet')
    return await tokenMinter(key, { lifetimeS: TOKEN_LIFETIME_S })
  } finally {
    await client.end()
  }
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}
