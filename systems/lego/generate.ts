/**
 * Fills the monolith's and the Auth Service's databases: what a seed gives is always the same.
 *
 *     DATABASE_URL=… AUTH_DATABASE_URL=… node --import tsx generate.ts --items 100000 --users 2000 --seed 1
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabase } from './auth/database.ts'
import { hashPassword } from './auth/passwords.ts'
import { type Catalogue, readCatalogue } from './fixtures/catalogue.ts'
import { Dice, uuidOf } from './fixtures/dice.ts'
import * as rows from './fixtures/rows.ts'
import { migrate } from './monolith/db/migrate.ts'

export { userId } from './fixtures/rows.ts'

/** Every generated user has this password; hashing one for each would take minutes. */
export const PASSWORD = 'brick-by-brick'

export interface GenerateOptions {
  readonly monolithUrl: string
  /** Left out: no users are written, tokens can still be minted for their ids. */
  readonly authUrl?: string
  /** 2,000 by default. */
  readonly users?: number
  /** Wishlist items, spread unevenly over the users; 100,000 by default. */
  readonly items?: number
  /** 1 by default. */
  readonly seed?: number
  /** Of users' own files; left out: they have none. */
  readonly filesFolder?: string
  /** Folder with the real catalogue, see fixtures/catalogue.ts. */
  readonly sharedData?: string
}

export interface Generated {
  readonly users: number
  readonly items: number
  readonly mocs: number
  readonly images: number
  readonly ms: number
}

/** Rows sent in one statement: some 2 MB of JSON. */
const BATCH = 5_000

/**
 * Makes the tables where they are missing, and fills them. All or nothing in each database.
 *
 * @throws Error when the monolith's wishlist is not empty
 */
export async function generate(options: GenerateOptions): Promise<Generated> {
  const { users = 2_000, items = 100_000, seed = 1 } = options
  if (users < 1) throw new RangeError(`users must be at least 1, given ${users}`)
  const startedAt = performance.now()
  const catalogue = await readCatalogue(options.sharedData)
  if (options.authUrl !== undefined) await fillAuth(options.authUrl, users, seed)
  if (options.filesFolder !== undefined) await fillFiles(options.filesFolder, users, seed)

  const pool = new pg.Pool({ connectionString: options.monolithUrl, max: 1 })
  try {
    await migrate(pool)
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await requireEmpty(client)
      await fillWishlists(client, catalogue, users, items, seed)
      const counts = await fillMocsAndGallery(client, catalogue, users, seed)
      await client.query('COMMIT')
      await client.query('ANALYZE')
      return { users, items, ...counts, ms: Math.round(performance.now() - startedAt) }
    } finally {
      client.release(true)
    }
  } finally {
    await pool.end()
  }
}

async function fillAuth(url: string, users: number, seed: number): Promise<void> {
  const pool = await openDatabase(url)
  try {
    const hash = await hashPassword(PASSWORD)
    await insert(
      pool,
      'users',
      count(users, (n) => rows.userRow(seed, n, hash)),
    )
  } finally {
    await pool.end()
  }
}

/** Every third user keeps a file, at most this many bytes. */
const FILE_BYTES = 20_000

async function fillFiles(folder: string, users: number, seed: number): Promise<void> {
  const dice = new Dice(seed + 2)
  await mkdir(folder, { recursive: true })
  for (let n = 0; n < users; n += 3) {
    const own = join(folder, rows.userId(seed, n), uuidOf(seed, 'file', n))
    const size = dice.between(200, FILE_BYTES)
    await mkdir(own, { recursive: true })
    await writeFile(join(own, `notes-${n}.txt`), `Notes of user ${n}. `.repeat(size).slice(0, size))
  }
}

async function requireEmpty(client: pg.PoolClient): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM wishlist_items LIMIT 1')
  if (rowCount) throw new Error('there are wishlist items already; give an empty database')
}

async function fillWishlists(
  client: pg.PoolClient,
  catalogue: Catalogue,
  users: number,
  items: number,
  seed: number,
): Promise<void> {
  const dice = new Dice(seed)
  await insert(
    client,
    'user_profiles',
    count(users, (n) => rows.profileRow(seed, n, catalogue, dice)),
  )
  await insert(client, 'wishlist_items', wishlists())

  function* wishlists(): Generator<rows.Row> {
    const ends = shares(users, items, dice)
    for (let n = 0, made = 0; n < users; n++) {
      for (let place = 0; made < ends[n]!; place++, made++) {
        yield rows.itemRow(seed, n, place, catalogue, dice)
      }
    }
  }
}

/** Where each user's items end in the whole: some have three times as many as others. */
function shares(users: number, items: number, dice: Dice): number[] {
  const weights = Array.from({ length: users }, () => 0.5 + dice.next())
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let sum = 0
  return weights.map((weight, n) => {
    sum += weight
    return n === users - 1 ? items : Math.round((items * sum) / total)
  })
}

async function fillMocsAndGallery(
  client: pg.PoolClient,
  catalogue: Catalogue,
  users: number,
  seed: number,
): Promise<{ mocs: number; images: number }> {
  const dice = new Dice(seed + 1)
  const mocs = [...count(Math.ceil(users / 2), (n) => rows.mocRow(seed, n, users, catalogue, dice))]
  const lists = mocs.flatMap((moc) => {
    const made = [
      ...count(dice.between(1, 2), (list) =>
        rows.partsListRow(seed, moc, list, catalogue.words, dice),
      ),
    ]
    moc.total_piece_count = made.reduce((sum, list) => sum + Number(list.piece_count), 0)
    return made
  })
  const albums = [
    ...count(Math.ceil(users / 4), (n) => rows.albumRow(seed, n, users, catalogue, dice)),
  ]
  const images = [
    ...count(users, (n) => {
      const album = dice.chance(0.6) ? dice.pick(albums) : null
      return rows.imageRow(seed, n, users, album, catalogue, dice)
    }),
  ]
  for (const album of albums) {
    album.cover_image_id = images.find((image) => image.album_id === album.id)?.id ?? null
  }
  const flagged = images.filter(() => dice.chance(0.01))
  for (const image of flagged) image.flagged = true
  const links = mocs.flatMap((moc) =>
    dice.chance(0.5) ? [{ moc_id: moc.id, gallery_image_id: dice.pick(images).id }] : [],
  )

  await insert(client, 'moc_instructions', mocs, SEARCH)
  await insert(client, 'moc_parts_lists', lists)
  await insert(client, 'gallery_albums', albums)
  await insert(client, 'gallery_images', images, SEARCH)
  await insert(client, 'moc_gallery_images', links)
  await insert(
    client,
    'gallery_flags',
    flagged.map((image, n) => ({
      id: uuidOf(seed, 'flag', n),
      image_id: image.id,
      user_id: rows.userId(seed, dice.between(0, users - 1)),
      reason: 'Not a photo of bricks',
      status: 'pending',
      created_at: image.updated_at,
    })),
  )
  return { mocs: mocs.length, images: images.length }
}

/** As the monolith's search/document.ts writes it. */
const SEARCH = `setweight(to_tsvector('english', title), 'A')
  || setweight(to_tsvector('english', array_to_string(tags, ' ')), 'B')
  || setweight(to_tsvector('english', coalesce(description, '')), 'C')`

/** Inserts rows of one shape, many a statement. */
async function insert(
  db: Pick<pg.Pool, 'query'>,
  table: string,
  source: Iterable<rows.Row>,
  search?: string,
): Promise<void> {
  let batch: rows.Row[] = []
  const flush = async () => {
    const [first] = batch
    if (!first) return
    const columns = Object.keys(first).join(', ')
    await db.query(
      `INSERT INTO ${table} (${columns}${search ? ', search' : ''})
       SELECT ${columns}${search ? `, ${search}` : ''}
         FROM json_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(batch)],
    )
    batch = []
  }
  for (const row of source) {
    batch.push(row)
    if (batch.length === BATCH) await flush()
  }
  await flush()
}

function* count<T>(many: number, make: (n: number) => T): Generator<T> {
  for (let n = 0; n < many; n++) yield make(n)
}

function wholeNumber(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (/^\d{1,9}$/.test(given)) return Number(given)
  throw new RangeError(`--${flag} must be a whole number, given "${given}"`)
}

async function main(): Promise<void> {
  const option = { type: 'string' } as const
  const { values } = parseArgs({ options: { items: option, users: option, seed: option } })
  const { DATABASE_URL, AUTH_DATABASE_URL, FILES_FOLDER, SHARED_DATA } = process.env
  if (!DATABASE_URL) throw new Error('DATABASE_URL must name the monolith’s database')
  const numbers = {
    items: wholeNumber('items', values.items),
    users: wholeNumber('users', values.users),
    seed: wholeNumber('seed', values.seed),
    authUrl: AUTH_DATABASE_URL,
    filesFolder: FILES_FOLDER,
    sharedData: SHARED_DATA,
  }
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined)
  const options: GenerateOptions = { monolithUrl: DATABASE_URL, ...Object.fromEntries(given) }
  console.log(JSON.stringify(await generate(options)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
