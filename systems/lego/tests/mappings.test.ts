import { fileURLToPath } from 'node:url'
import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { proveRoundTrips, refuseLosses, resolveTables } from '@banyan/replication'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { galleryTables, mocTables } from '../extractions/mappings.ts'
import { connect } from '../monolith/db/connect.ts'
import { migrate as migrateMonolith } from '../monolith/db/migrate.ts'
import { createImage, NewImage } from '../monolith/gallery/images.ts'
import { createMoc, NewMoc } from '../monolith/mocs/mocs.ts'

let server: EmbeddedPostgres
let monolith: ReturnType<typeof connect>
const pools: Pool[] = []
let source: Pool
let target: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const open = (url: string, name: string) => {
    const pool = createPool(url, { name, max: 4 })
    pools.push(pool)
    return pool
  }
  const url = await server.createDatabase('lego')
  monolith = connect(url)
  await migrateMonolith(monolith.pool)
  source = open(url, 'source')
  target = open(await server.createDatabase('services'), 'target')
  for (const name of ['gallery', 'moc']) {
    const folder = new URL(`../services/${name}/migrations`, import.meta.url)
    await migrate(target, name, fileURLToPath(folder))
  }
})
afterAll(async () => {
  await monolith?.pool.end()
  await Promise.all(pools.map((pool) => pool.end()))
  await server?.stop()
})

it('what the monolith writes of its gallery and its MOCs goes to the services and comes back as it was', async () => {
  const fields = { title: 'Running castles', description: 'of "bricks"\n', tags: ['a b', 'Ⅱ'] }
  for (const given of [fields, { title: 'Bare' }]) {
    const body = { ...given, imageUrl: 'https://img.example.org/a.png' }
    const image = await createImage(monolith.db, 'ada', NewImage.parse(body))
    const moc = NewMoc.parse({ ...given, galleryImageIds: [image.id] })
    await createMoc(monolith.db, 'ada', moc)
  }
  for (const tables of [galleryTables, mocTables]) {
    const resolved = await resolveTables(source, target, tables)
    const trips = await proveRoundTrips(source, target, resolved)
    refuseLosses(resolved, trips)
    expect(resolved.flatMap((table) => table.oneWay ?? [])).toEqual([])
    // The search document, of both rows that there are.
    expect(trips.find((trip) => trip.columns.includes('search'))?.sampled).toBe(2)
  }
})
