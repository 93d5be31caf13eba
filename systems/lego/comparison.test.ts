import { fileURLToPath } from 'node:url'
import { EmbeddedPostgres, migrate as migrateService } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { compareSides, WISHLISTS } from './comparison.ts'
import { migrate } from './monolith/db/migrate.ts'

const SERVICE_MIGRATIONS = fileURLToPath(new URL('services/wishlist/migrations', import.meta.url))
const ID = '00000000-0000-4000-8000-000000000001'
const WHEN = '2026-01-02T03:04:05.678912Z'

let server: EmbeddedPostgres
let source: pg.Pool
let target: pg.Pool
const urls = { source: '', target: '' }

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  urls.source = await server.createDatabase('lego')
  urls.target = await server.createDatabase('wishlist')
  source = new pg.Pool({ connectionString: urls.source })
  target = new pg.Pool({ connectionString: urls.target })
  // A connection that is being closed may hear of the server's end first.
  for (const pool of [source, target]) pool.on('error', () => {})
  await migrate(source)
  await migrateService(target, 'wishlist', SERVICE_MIGRATIONS)
})
afterAll(async () => {
  await Promise.all([source.end(), target.end()])
  await server.stop()
})

beforeEach(async () => {
  await source.query('TRUNCATE wishlist_items, wishlist_reorders')
  await target.query('TRUNCATE wishlist.items, wishlist.pending_reorders')
  await source.query(
    `INSERT INTO wishlist_items VALUES ($1, 'ann', 'Castle ☂', NULL, 'https://x', NULL, 'Harry Potter', 3, 2, 12.30, true, $2, $2)`,
    [ID, WHEN],
  )
  await target.query(
    `INSERT INTO wishlist.items VALUES ($1, 'ann', 'Castle ☂', NULL, 'https://x', NULL, 'harry-potter', 3, 2, 1230, true, $2, $2)`,
    [ID, WHEN],
  )
  await source.query(`INSERT INTO wishlist_reorders VALUES ('ann', ARRAY[$1]::uuid[], $2, $2)`, [
    ID,
    WHEN,
  ])
  await target.query(
    `INSERT INTO wishlist.pending_reorders VALUES ('ann', ARRAY[$1]::uuid[], $2, $2)`,
    [ID, WHEN],
  )
})

describe('the comparison of both wishlists', () => {
  it('finds two sides equal that say the same in different schemas', async () => {
    expect(await compareSides('wishlist', urls.source, urls.target)).toEqual({
      source: 2,
      target: 2,
      divergent: 0,
      examples: [],
    })
  })

  it.each([
    `owner_id = 'bob'`,
    `title = 'Castle'`,
    `notes = ''`,
    `product_url = NULL`,
    `image_url = 'https://y'`,
    `theme = 'technic'`,
    `theme = NULL`,
    `position = 4`,
    `quantity = 1`,
    `price_cents = 1231`,
    `price_cents = NULL`,
    `acquired = false`,
    `created_at = created_at + interval '1 microsecond'`,
    `updated_at = now()`,
  ])('finds an item that differs: %s', async (change) => {
    await target.query(`UPDATE wishlist.items SET ${change}`)
    expect(await compareSides('wishlist', urls.source, urls.target)).toMatchObject({ divergent: 1 })
  })

  it.each([`item_ids = '{}'`, 'requested_at = now()', 'due_at = now()'])(
    'finds a pending order that differs: %s',
    async (change) => {
      await target.query(`UPDATE wishlist.pending_reorders SET ${change}`)
      expect(await compareSides('wishlist', urls.source, urls.target)).toMatchObject({
        divergent: 1,
      })
    },
  )

  it('finds rows that are on one side only', async () => {
    await target.query('DELETE FROM wishlist.items')
    await source.query('DELETE FROM wishlist_reorders')
    expect(await compareSides('wishlist', urls.source, urls.target)).toMatchObject({
      source: 1,
      target: 1,
      divergent: 2,
    })
  })

  it('reads the wishlists of users in the same words at both sides', async () => {
    const answers = await Promise.all([
      source.query(WISHLISTS.source.items, [['ann']]),
      target.query(WISHLISTS.target.items, [['ann']]),
    ])
    const row = { user_id: 'ann', id: ID, title: 'Castle ☂', quantity: 2 }
    expect(answers.map(({ rows }) => rows)).toEqual([[row], [row]])
  })
})
