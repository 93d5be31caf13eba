import { fileURLToPath } from 'node:url'
import { BanyanError } from '@banyan/contracts'
import { ControlError, type ControlStatus, type Phase, type RepairAnswer } from '@banyan/migration'
import {
  createPool,
  EmbeddedPostgres,
  migrate as migrateService,
  type Pool,
} from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { migrate } from '../monolith/db/migrate.ts'
import type { LinkKeeper } from './dangling.ts'
import { type ReconcileOptions, reconcile } from './reconcile.ts'

const [MOC, OTHER, KEPT, LOST, NEW] = [1, 2, 3, 4, 5].map(
  (n) => `00000000-0000-4000-8000-00000000000${n}`,
) as [string, string, string, string, string]
const WHEN = '2026-01-02T03:04:05.678912Z'

let server: EmbeddedPostgres
let source: Pool
let gallery: Pool
let moc: Pool
let urls: ReconcileOptions['urls']
/** Repairs that were asked for, as `table:key`. */
let asked: string[]

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const service = async (name: string) => {
    const url = await server.createDatabase(name)
    const pool = createPool(url, { name: 'test' })
    const folder = fileURLToPath(new URL(`../services/${name}/migrations`, import.meta.url))
    await migrateService(pool, name, folder)
    return { url, pool }
  }
  const monolith = await server.createDatabase('lego')
  const [images, mocs] = [await service('gallery'), await service('moc')]
  source = createPool(monolith, { name: 'test' })
  const plain = new pg.Pool({ connectionString: monolith })
  await migrate(plain)
  await plain.end()
  ;[gallery, moc] = [images.pool, mocs.pool]
  urls = { monolith, wishlist: '', profile: '', gallery: images.url, moc: mocs.url } as typeof urls
}, 60_000)
afterAll(async () => {
  await Promise.all([source, gallery, moc].map((pool) => pool?.end()))
  await server?.stop()
})

beforeEach(async () => {
  asked = []
  await source.query('TRUNCATE public.moc_instructions, public.gallery_images CASCADE')
  await gallery.query('TRUNCATE gallery.images CASCADE')
  await moc.query('TRUNCATE moc.mocs CASCADE')
  for (const id of [KEPT, LOST]) {
    const image = [id, 'ann', 'A', 'https://x/a.png', WHEN]
    await source.query(
      `INSERT INTO public.gallery_images (id, user_id, title, image_url, created_at, updated_at, search)
       VALUES ($1, $2, $3, $4, $5, $5, setweight(to_tsvector('english', $3), 'A'))`,
      image,
    )
    await gallery.query(
      `INSERT INTO gallery.images (id, owner_id, title, image_url, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)`,
      image,
    )
  }
  for (const id of [MOC, OTHER]) {
    await source.query(
      `INSERT INTO public.moc_instructions (id, user_id, title, created_at, updated_at, search)
       VALUES ($1, 'ann', 'Castle', $2, $2, setweight(to_tsvector('english', 'Castle'), 'A'))`,
      [id, WHEN],
    )
    await source.query('INSERT INTO public.moc_gallery_images VALUES ($1, $2), ($1, $3)', [
      id,
      KEPT,
      LOST,
    ])
    await moc.query(
      `INSERT INTO moc.mocs (id, owner_id, title, created_at, updated_at, gallery_image_ids)
       VALUES ($1, 'ann', 'Castle', $2, $2, $3)`,
      [id, WHEN, JSON.stringify([{ id: LOST }, { id: KEPT }])],
    )
  }
})

/** A control plane for which the service owns all, and which repairs as an engine does. */
const run = (
  phases: Partial<Record<string, Phase>> = { gallery: 'soaking', moc: 'soaking' },
  links?: LinkKeeper,
) =>
  reconcile({
    urls,
    extractions: ['gallery', 'moc'],
    by: 'test',
    ...(links ? { links } : {}),
    patience: { looks: 2, apartMs: 10 },
    control: {
      status: async () =>
        ({
          extractions: Object.entries(phases).map(([extraction, phase]) => ({ extraction, phase })),
        }) as unknown as ControlStatus,
      async repair(_extraction, { table, key }) {
        asked.push(`${table}:${key.join('/')}`)
        if (key[0] === OTHER) {
          const refused = new BanyanError('REPAIR_REFUSED', { row: table, reason: 'a handover' })
          throw new ControlError(refused.toProblem())
        }
        await source.query('INSERT INTO public.moc_gallery_images VALUES ($1, $2)', [...key])
        return {} as RepairAnswer
      },
    },
  })

it('finds the join tables and the arrays to be the same, whatever their order', async () => {
  expect(await run()).toMatchObject({
    compared: 8,
    differing: 0,
    repaired: 0,
    passed: [],
    dangling: { links: 0 },
  })
  expect(asked).toEqual([])
})

it('has a link that differs repaired in the direction of its owner, and tells what could not be', async () => {
  await source.query('DELETE FROM public.moc_gallery_images WHERE gallery_image_id = $1', [KEPT])
  const report = await run()
  expect(report).toMatchObject({ compared: 8, differing: 1, repaired: 1 })
  expect(report.tables.find(({ differing }) => differing > 0)).toMatchObject({
    table: 'public.moc_gallery_images',
    examples: [`${OTHER}/${KEPT}`],
  })
  expect(asked).toEqual([MOC, OTHER].map((id) => `public.moc_gallery_images:${id}/${KEPT}`))
})

it('takes nothing for a difference that is only under way', async () => {
  await source.query('DELETE FROM public.moc_gallery_images WHERE moc_id = $1', [MOC])
  const late = source
    .query('SELECT pg_sleep(0)')
    .then(() =>
      source.query('INSERT INTO public.moc_gallery_images VALUES ($1, $2), ($1, $3)', [
        MOC,
        KEPT,
        LOST,
      ]),
    )
  const report = await run()
  await late
  expect(report).toMatchObject({ differing: 0 })
})

it('tells links to what is not there, where the MOCs and the images are owned', async () => {
  await gallery.query('DELETE FROM gallery.images WHERE id = $1', [LOST])
  await source.query('INSERT INTO public.moc_gallery_albums VALUES ($1, $2)', [MOC, NEW])
  const phases = { gallery: 'completed', moc: 'planned' } as const
  expect(await run(phases)).toMatchObject({
    compared: 0,
    passed: [
      { extraction: 'gallery', phase: 'completed' },
      { extraction: 'moc', phase: 'planned' },
    ],
    dangling: {
      links: 3,
      examples: [
        `MOC ${MOC} links image ${LOST}, which is not there`,
        `MOC ${OTHER} links image ${LOST}, which is not there`,
        `MOC ${MOC} links album ${NEW}, which is not there`,
      ],
    },
  })
})

it('has links to what is not there taken out first, so that they go on both sides', async () => {
  await gallery.query('DELETE FROM gallery.images WHERE id = $1', [LOST])
  await source.query('DELETE FROM public.gallery_images WHERE id = $1', [LOST])
  const checkLinks = vi.fn(async () => {
    await moc.query('UPDATE moc.mocs SET gallery_image_ids = $1', [JSON.stringify([{ id: KEPT }])])
    // Stands for the stream back.
    await source.query('DELETE FROM public.moc_gallery_images WHERE gallery_image_id = $1', [LOST])
    return { images: [LOST], albums: [] }
  })
  const report = await run(undefined, { checkLinks })
  expect(checkLinks.mock.calls).toEqual([[{ body: { images: [LOST], albums: [] } }]])
  expect(report).toMatchObject({ differing: 0, unlinked: 1, dangling: { links: 0 } })
})

it('asks for no link to be taken out while another side has the MOCs or the images', async () => {
  await gallery.query('DELETE FROM gallery.images WHERE id = $1', [LOST])
  await source.query('DELETE FROM public.gallery_images WHERE id = $1', [LOST])
  const checkLinks = vi.fn()
  for (const phases of [{ gallery: 'soaking' }, { moc: 'soaking' }] as const) {
    expect(await run(phases, { checkLinks })).toMatchObject({ unlinked: 0, dangling: { links: 2 } })
  }
  expect(checkLinks).not.toHaveBeenCalled()
})
