import { SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import {
  type Client,
  createClient,
  newServiceKey,
  ServiceTokens,
  SigningKey,
} from '@banyan/service'
import { verifyContracts } from '@banyan/service/contract-testing'
import { ask, type ServiceUnderTest, startForTest } from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { galleryApi } from './client.ts'
import type { Album, Image, ImagePage } from './messages.ts'
import type * as tables from './schema.ts'
import definition from './service.ts'

const NOBODYS = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'
const URL_OF_IMAGE = 'https://img.example.org/a.png'

let service: ServiceUnderTest<object, typeof tables>
const clients: Record<string, Client<typeof galleryApi.routes>> = {}
const tokens: Record<string, ServiceTokens> = {}

beforeAll(async () => {
  const keys = { moc: await newServiceKey('moc'), search: await newServiceKey('search') }
  const publicKeys = Object.values(keys).map((one) => one.publicJwk)
  service = await startForTest(definition, {
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: publicKeys }),
  })
  for (const [name, { privateJwk }] of Object.entries(keys)) {
    const key = new SigningKey(JSON.stringify(privateJwk))
    tokens[name] = new ServiceTokens({ name, issuer: 'banyan', key })
    clients[name] = createClient(galleryApi, { baseUrl: service.url, tokens: tokens[name] })
  }
})
afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client.close()))
  await service?.stop()
})

const as = (user: string, method: string, path: string, body?: unknown) =>
  ask(`${service.url}/v1${path}`, { method, user, ...(body === undefined ? {} : { body }) })
const addImage = async (user: string, albumId: string | null = null) =>
  (await as(user, 'POST', '/images', { title: 'A', imageUrl: URL_OF_IMAGE, albumId })).body as Image
const addAlbum = async (user: string) =>
  (await as(user, 'POST', '/albums', { title: 'A' })).body as Album

describe('the Gallery Service', () => {
  it('tells services which images and albums there are, hidden ones too, without a user', async () => {
    const [image, album] = [await addImage('ada'), await addAlbum('ada')]
    await as('eve', 'POST', `/images/${image.id}/flags`, { reason: 'no brick' })
    const { imageExists, existingImages, albumExists, existingAlbums } = clients.moc!
    expect([
      await imageExists({ params: { id: image.id } }),
      await imageExists({ params: { id: NOBODYS } }),
      await albumExists({ params: { id: album.id } }),
      await albumExists({ params: { id: image.id } }),
    ]).toEqual([{ exists: true }, { exists: false }, { exists: true }, { exists: false }])
    const ids = [NOBODYS, image.id, album.id]
    expect(await existingImages({ body: { ids } })).toEqual({ existing: [image.id] })
    expect(await existingAlbums({ body: { ids } })).toEqual({ existing: [album.id] })
    expect(await existingAlbums({ body: { ids: [] } })).toEqual({ existing: [] })
  })

  it('tells nobody else: no user, and no service that is not among its callers', async () => {
    const { status, body } = await as('ada', 'GET', `/images/${NOBODYS}/exists`)
    expect({ status, body }).toMatchObject({
      status: 401,
      body: { error: { code: 'BAD_SERVICE_TOKEN' } },
    })
    await expect(clients.search!.imageExists({ params: { id: NOBODYS } })).rejects.toMatchObject({
      answer: { status: 403 },
    })
  })

  it('keeps the contracts of its callers', async () => {
    const id = '0b9f0c52-4a6e-4c62-9d53-2f6f1f1f5a01'
    const { pool } = service.context
    await verifyContracts({
      provider: 'gallery',
      baseUrl: service.url,
      pacts: [new URL('../moc/pacts/moc-gallery.json', import.meta.url)],
      states: {
        [`there is an image ${id}`]: () =>
          pool.query(
            `INSERT INTO gallery.images (id, owner_id, title, image_url) VALUES ($1, 'ada', 'A', $2)`,
            [id, URL_OF_IMAGE],
          ),
        [`there is an album ${id}`]: () =>
          pool.query(`INSERT INTO gallery.albums (id, owner_id, title) VALUES ($1, 'ada', 'A')`, [
            id,
          ]),
      },
      headers: async () => ({ [SERVICE_TOKEN_HEADER]: await tokens.moc!.for('gallery') }),
    })
  })

  it('answers the same under the names of its own paths', async () => {
    const { id } = await addImage('own')
    const album = await addAlbum('own')
    for (const path of [`/images/${id}`, '/images?mine=true', `/albums/${album.id}`, '/albums']) {
      const known = path.replace('/images', '')
      const [own, former] = [
        await as('own', 'GET', path),
        await as('own', 'GET', `/gallery${known}`),
      ]
      expect([own.status, own.text]).toEqual([200, former.text])
    }
  })

  it('counts in each list what the viewer may see of it, past its end too', async () => {
    const album = await addAlbum('shy')
    const [inside, outside] = [await addImage('shy', album.id), await addImage('shy')]
    await addImage('shy', album.id)
    const counts = (user: string) =>
      Promise.all(
        ['', `&albumId=${album.id}`, '&mine=true', `&mine=true&albumId=${album.id}`].map(
          async (query) => {
            const of = async (page: number) =>
              (await as(user, 'GET', `/images?page=${page}&limit=100${query}`)).body as ImagePage
            const [first, past] = [await of(1), await of(1_000)]
            expect(first.images).toHaveLength(first.pagination.total)
            expect(past).toMatchObject({
              images: [],
              pagination: { total: first.pagination.total },
            })
            return first.pagination.total
          },
        ),
      )
    const [all] = await counts('eve')
    expect(await counts('eve')).toEqual([all, 2, 0, 0])
    for (const { id } of [inside, outside]) {
      await as('eve', 'POST', `/images/${id}/flags`, { reason: 'no brick' })
    }
    expect(await counts('eve')).toEqual([all! - 2, 1, 0, 0])
    expect(await counts('shy')).toEqual([all, 2, 3, 2])
    expect((await as('eve', 'GET', `/images/${inside.id}`)).status).toBe(404)
    expect((await as('shy', 'GET', `/images/${inside.id}`)).body).toMatchObject({ flagged: true })
  })

  it('stores a repeated POST once', async () => {
    const asking = {
      user: 'twice',
      body: { title: 'A', imageUrl: URL_OF_IMAGE },
      headers: { 'idempotency-key': 'k-1' },
    }
    const [first, again] = [
      await ask(`${service.url}/v1/gallery`, asking),
      await ask(`${service.url}/v1/gallery`, asking),
    ]
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text])
    const { body } = await as('twice', 'GET', '/images?mine=true')
    expect(body).toMatchObject({ pagination: { total: 1 } })
  })

  it('keeps covers within their albums, however changes meet', async () => {
    const [here, there] = [await addAlbum('race'), await addAlbum('race')]
    const images = await Promise.all([1, 2, 3, 4].map(() => addImage('race', here.id)))
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => {
        const { id } = images[i % 4]!
        const album = i % 5 < 2 ? here.id : there.id
        return i % 2 === 0
          ? as('race', 'PATCH', `/images/${id}`, { albumId: album })
          : as('race', 'PATCH', `/albums/${album}`, { coverImageId: id })
      }),
    )
    expect(
      answers.map((one) => one.status).filter((status) => ![200, 409].includes(status)),
    ).toEqual([])
    const { rows } = await service.context.pool.query(
      `SELECT FROM gallery.albums a JOIN gallery.images i ON i.id = a.cover_image_id
        WHERE i.album_id IS DISTINCT FROM a.id`,
    )
    expect(rows).toEqual([])
  })

  it('has a database that refuses a cover from elsewhere, whoever writes it', async () => {
    const [image, album] = [await addImage('rule'), await addAlbum('rule')]
    const write = service.context.pool.query(
      'UPDATE gallery.albums SET cover_image_id = $1 WHERE id = $2',
      [image.id, album.id],
    )
    await expect(write).rejects.toMatchObject({ constraint: 'albums_cover_is_inside' })
  })

  it('lets an image be deleted while others flag it', async () => {
    const { id } = await addImage('gone')
    const flags = ['a', 'b', 'c', 'd'].map((who) =>
      as(who, 'POST', `/images/${id}/flags`, { reason: 'x' }),
    )
    const answers = await Promise.all([as('gone', 'DELETE', `/images/${id}`), ...flags])
    expect(answers[0]!.status).toBe(204)
    expect(answers.slice(1).every(({ status }) => status === 201 || status === 404)).toBe(true)
    const { rows } = await service.context.pool.query(
      'SELECT FROM gallery.flags WHERE image_id = $1',
      [id],
    )
    expect(rows).toEqual([])
  })
})
