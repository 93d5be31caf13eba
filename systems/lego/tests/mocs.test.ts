import { connect, type Socket } from 'node:net'
import { signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import {
  createClient,
  defineService,
  newServiceKey,
  ServiceTokens,
  SigningKey,
  startService,
} from '@banyan/service'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linkKeeper } from '../reconciliation/link-keeper.ts'
import { galleryEvents, ImageDeleted, ImageUploaded } from '../services/gallery/events.ts'
import type { Image } from '../services/gallery/messages.ts'
import gallery from '../services/gallery/service.ts'
import { mocLinksApi } from '../services/moc/client.ts'
import { mocEvents } from '../services/moc/events.ts'
import { auditLinks } from '../services/moc/link-audit.ts'
import type { Moc } from '../services/moc/messages.ts'
import moc from '../services/moc/service.ts'
import { type Answer, send } from '../testing/monolith.ts'
import { eventually } from '../testing/processes.ts'

const KEY = 'a key for these tests alone'
const NOBODYS = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'

type Heard = { type: string; payload: Record<string, unknown> & { mocId: string } }
const heard: Heard[] = []

/** Hears what the MOC service says, and can say what Gallery would. */
const listener = defineService({
  name: 'listener',
  port: 0,
  title: 'Listener',
  database: { tables: {}, migrations: new URL('no-migrations', import.meta.url) },
  routes: {},
  events: galleryEvents,
  reactions: (hear) =>
    hear({
      name: 'all',
      events: mocEvents,
      async handler({ type, payload }) {
        heard.push({ type, payload })
      },
    }),
})

let server: EmbeddedPostgres
let mocKey: string
let reconciliationKey: string
let galleryEnv: Record<string, string>
let pictures: Awaited<ReturnType<typeof startGallery>>
let service: Awaited<ReturnType<typeof startMoc>>
let ear: Awaited<ReturnType<typeof startListener>>

const startGallery = () => startService(gallery, { env: galleryEnv })
const startMoc = (env: Record<string, string>) => startService(moc, { env })
const startListener = (env: Record<string, string>) => startService(listener, { env })

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const bus = await server.createDatabase('bus')
  const env = async (name: string) => ({
    PORT: '0',
    LOG_LEVEL: 'silent',
    BANYAN_IDENTITY_KEY: KEY,
    BUS_URL: bus,
    DATABASE_URL: await server.createDatabase(name),
  })
  const { publicJwk, privateJwk } = await newServiceKey('moc')
  const reconciliation = await newServiceKey('reconciliation')
  mocKey = JSON.stringify(privateJwk)
  reconciliationKey = JSON.stringify(reconciliation.privateJwk)
  ear = await startListener(await env('listener'))
  galleryEnv = {
    ...(await env('gallery')),
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
  }
  pictures = await startGallery()
  // It comes back where it was.
  galleryEnv.PORT = String(pictures.port)
  service = await startMoc({
    ...(await env('moc')),
    BANYAN_SIGNING_KEY: mocKey,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk, reconciliation.publicJwk] }),
    GALLERY_URL: pictures.url,
  })
  await eventually('all hear', async () => {
    const answers = await Promise.all(
      [ear, service].map(({ url }) => send(`${url}/health/ready`, 'GET', {})),
    )
    return answers.every(({ body }) => body.checks.every((check: { ok: boolean }) => check.ok))
  })
})
afterAll(async () => {
  await service?.stop()
  await pictures?.stop()
  await ear?.stop()
  await server?.stop()
})

const ask = (
  url: string,
  user: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> => {
  const identity = signIdentity({ userId: user, email: null, roles: [] }, KEY)
  return send(`${url}/v1${path}`, method, { 'x-banyan-identity': identity }, body)
}
const as = (user: string, method: string, path: string, body?: unknown) =>
  ask(service.url, user, method, `/mocs${path}`, body)
const addImage = async (user: string): Promise<Image> =>
  (
    await ask(pictures.url, user, 'POST', '/images', {
      title: 'A',
      imageUrl: 'https://a.example/a.png',
    })
  ).body
const addMoc = async (user: string, body: object = {}): Promise<Moc> => {
  const answer = await as(user, 'POST', '', { title: 'A', ...body })
  expect(answer.status).toBe(201)
  return answer.body
}
const linksOf = async (id: string): Promise<string[]> =>
  (await as('anybody', 'GET', `/${id}`)).body.galleryImageIds
const csv = (quantity: number) => {
  const form = new FormData()
  form.set('file', new Blob([`Part,Color,Quantity\n3001,4,${quantity}\n`]), 'a.csv')
  return form
}
const said = (id: string, type: string) =>
  heard.filter((one) => one.payload.mocId === id && one.type === type).map((one) => one.payload)

describe('a MOC', () => {
  it('has as many pieces as its parts lists together, however many come and go at once', async () => {
    const { id } = await addMoc('sum')
    const add = async (quantity: number) =>
      (await as('sum', 'POST', `/${id}/parts-lists`, csv(quantity))).body.id
    const first = await Promise.all([1, 2, 4, 8].map(add))
    await Promise.all([
      ...[16, 32, 64, 128].map(add),
      ...first.slice(0, 2).map((list) => as('sum', 'DELETE', `/${id}/parts-lists/${list}`)),
    ])
    expect((await as('sum', 'GET', `/${id}`)).body.totalPieceCount).toBe(252)
    const updates = await eventually('all are said', async () => {
      const all = said(id, 'parts-list.updated')
      return all.length === 10 && all
    })
    expect(updates.at(-1)).toMatchObject({ ownerId: 'sum', totalPieceCount: 252 })
  })

  it('says how much of it is there: all of it when nothing is missing, and not before', async () => {
    const { id } = await addMoc('build')
    const list = (await as('build', 'POST', `/${id}/parts-lists`, csv(1_000))).body.id
    const acquire = (acquiredCount: number) =>
      as('build', 'PATCH', `/${id}/parts-lists/${list}`, { acquiredCount })
    for (const count of [500, 501, 999, 1_000, 1_001]) await acquire(count)
    const statuses = await eventually('all are said', async () => {
      const all = said(id, 'build-status.changed')
      return all.length === 3 && all
    })
    expect(statuses.map(({ percent, acquiredCount }) => [percent, acquiredCount])).toEqual([
      [50, 500],
      [99, 999],
      [100, 1_000],
    ])
  })

  it('stands in the list of the newest as soon as it is created, however many read that list at once', async () => {
    const newest = async () =>
      (await as('somebody', 'GET', '?limit=10')).body.mocs.map(({ id }: Moc) => id)
    for (let time = 0; time < 10; time++) {
      const others = Array.from({ length: 5 }, newest)
      const { id } = await addMoc('new')
      expect(await newest()).toContain(id)
      await Promise.all(others)
      expect((await as('new', 'DELETE', `/${id}`)).status).toBe(204)
      expect(await newest()).not.toContain(id)
    }
  })

  it('is said whole when it is created, and with what changed when it changes', async () => {
    const image = await addImage('say')
    const whole = await addMoc('say', { tags: ['x'] })
    const change = { title: 'B', tags: ['x'], galleryImageIds: [image.id] }
    const changed = (await as('say', 'PATCH', `/${whole.id}`, change)).body
    await as('say', 'DELETE', `/${whole.id}`)
    const ownerId = 'say'
    await eventually('its end is said', async () => said(whole.id, 'moc.deleted').length > 0)
    expect(heard.filter((one) => one.payload.mocId === whole.id)).toMatchObject([
      { type: 'moc.created', payload: { ownerId, moc: whole } },
      { type: 'moc.updated', payload: { moc: changed, changed: ['title', 'galleryImageIds'] } },
      { type: 'moc.gallery-images-linked', payload: { galleryImageIds: [image.id], pending: [] } },
      { type: 'moc.deleted', payload: { ownerId } },
    ])
  })

  it('has a database that lets nobody acquire more than there is', async () => {
    const { id } = await addMoc('rule')
    await as('rule', 'POST', `/${id}/parts-lists`, csv(5))
    const write = service.context.pool.query(
      'UPDATE moc.parts_lists SET acquired_count = 6 WHERE moc_id = $1',
      [id],
    )
    await expect(write).rejects.toMatchObject({ constraint: 'parts_lists_acquired' })
  })

  it('refuses a form that cannot be read, and pieces that cannot be counted', async () => {
    const { id } = await addMoc('form')
    const identity = signIdentity({ userId: 'form', email: null, roles: [] }, KEY)
    const broken = await fetch(`${service.url}/v1/mocs/${id}/files`, {
      method: 'POST',
      headers: { 'x-banyan-identity': identity, 'content-type': 'multipart/form-data; boundary=x' },
      body: '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
    })
    expect(broken.status).toBe(400)
    expect(await broken.json()).toMatchObject({ error: { code: 'BAD_FORM' } })
    const unkept = await fetch(`${service.url}/v1/mocs/${id}/files`, {
      method: 'POST',
      headers: { 'x-banyan-identity': identity, 'content-type': 'multipart/form-data; boundary=x' },
      body: '--x\r\nContent-Disposition: form-data; name="file"; filename="a\0b"\r\n\r\nx\r\n--x--\r\n',
    })
    expect(unkept.status).toBe(400)
    const many = new FormData()
    const lines = Array.from({ length: 2_200 }, (_, i) => `${i},4,1000000`)
    many.set('file', new Blob([['Part,Color,Quantity', ...lines].join('\n')]), 'a.csv')
    const answer = await as('form', 'POST', `/${id}/parts-lists`, many)
    expect([answer.status, answer.body.error.code]).toEqual([422, 'TOO_MANY_PIECES'])
  })

  it('holds forms of 400 MiB at once, refuses further ones until those have gone, and counts small ones as small', async () => {
    const { id } = await addMoc('crowd')
    const identity = signIdentity({ userId: 'crowd', email: null, roles: [] }, KEY)
    let refused = ''
    const begin = (count: number, bytes: number) =>
      Array.from({ length: count }, () =>
        connect(service.port, '127.0.0.1', function (this: Socket) {
          this.write(
            `POST /v1/mocs/${id}/parts-lists HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n` +
              `Content-Type: multipart/form-data; boundary=x\r\nX-Banyan-Identity: ${identity}\r\n\r\n--x`,
          )
        }).on('data', (data) => {
          refused += data
        }),
      )
    const add = () => as('crowd', 'POST', `/${id}/parts-lists`, csv(1))
    const small = begin(100, 9_000)
    const large = begin(40, 10 * 1024 * 1024)
    try {
      await eventually('one is refused', async () => refused.includes('TOO_MANY_UPLOADS'))
      // What holds no form is answered.
      expect((await as('crowd', 'GET', `/${id}`)).status).toBe(200)
      for (const socket of large) socket.destroy()
      await eventually('the large ones have gone', async () => (await add()).status === 201)
    } finally {
      for (const socket of [...small, ...large]) socket.destroy()
    }
  })
})

describe('links to the gallery', () => {
  it('go when their image, or album, goes', async () => {
    const [kept, gone] = [await addImage('gone'), await addImage('gone')]
    const album = (await ask(pictures.url, 'gone', 'POST', '/albums', { title: 'A' })).body
    const links = { galleryImageIds: [gone.id, kept.id], galleryAlbumIds: [album.id] }
    const linking = [await addMoc('gone', links), await addMoc('other', links)]
    await ask(pictures.url, 'gone', 'DELETE', `/images/${gone.id}`)
    await ask(pictures.url, 'gone', 'DELETE', `/albums/${album.id}`)
    for (const { id } of linking) {
      const last = await eventually('both are gone', async () => {
        const all = said(id, 'moc.gallery-images-linked')
        return all.length === 3 && all.at(-1)
      })
      expect(last).toMatchObject({ galleryImageIds: [kept.id], galleryAlbumIds: [], pending: [] })
      expect(await linksOf(id)).toEqual([kept.id])
    }
  })

  it('never outlive their image, also when it is deleted while they are made', async () => {
    const images = await Promise.all(Array.from({ length: 8 }, () => addImage('race')))
    const mocs = await Promise.all([1, 2, 3, 4].map(() => addMoc('race')))
    const answers = await Promise.all(
      images.flatMap(({ id }, i) => [
        as('race', 'PATCH', `/${mocs[i % 4]!.id}`, { galleryImageIds: [id] }),
        ask(pictures.url, 'race', 'DELETE', `/images/${id}`),
      ]),
    )
    expect(answers.filter(({ status }) => ![200, 204, 422].includes(status))).toEqual([])
    const { pool } = service.context
    await eventually('all deletions are heard', async () => {
      const { rows } = await pool.query(
        'SELECT FROM moc.gone_from_gallery WHERE id = ANY($1::uuid[])',
        [images.map((image) => image.id)],
      )
      return rows.length === images.length
    })
    expect(await Promise.all(mocs.map(({ id }) => linksOf(id)))).toEqual([[], [], [], []])
  })

  it('are refused to what was heard to be deleted, whatever Gallery answered just before', async () => {
    const image = await addImage('heard')
    const { id } = await addMoc('heard', { galleryImageIds: [image.id] })
    const payload = { ownerId: 'heard', imageId: image.id }
    await ear.context.publish(ImageDeleted.of(payload), { key: 'heard' })
    await eventually('it is heard', async () => (await linksOf(id)).length === 0)
    const answer = await as('heard', 'PATCH', `/${id}`, { galleryImageIds: [image.id] })
    expect([answer.status, answer.body.error?.code]).toEqual([422, 'UNKNOWN_REFERENCE'])
  })

  it('to what Gallery does not have go with the audit, though nobody ever said that it went', async () => {
    const [kept, lost] = [await addImage('audit'), await addImage('audit')]
    const both = { galleryImageIds: [kept.id, lost.id] }
    const [one, two] = [await addMoc('audit', both), await addMoc('audit', both)]
    await pictures.context.pool.query('DELETE FROM gallery.images WHERE id = $1', [lost.id])
    expect(await auditLinks(service.context)).toBe(1)
    for (const { id } of [one, two]) {
      expect(await linksOf(id)).toEqual([kept.id])
      await eventually('it is said', async () =>
        said(id, 'moc.gallery-images-linked').some(
          ({ galleryImageIds }) => String(galleryImageIds) === kept.id,
        ),
      )
    }
    expect(await auditLinks(service.context)).toBe(0)
  })

  it('to what Gallery does not have go when the reconciliation asks about them, and nobody else may ask', async () => {
    const [kept, lost] = [await addImage('found'), await addImage('found')]
    const { id } = await addMoc('found', { galleryImageIds: [kept.id, lost.id] })
    await pictures.context.pool.query('DELETE FROM gallery.images WHERE id = $1', [lost.id])
    const album = crypto.randomUUID()
    const body = { images: [lost.id, kept.id, lost.id], albums: [album] }
    const keeper = linkKeeper({ url: service.url, key: reconciliationKey })
    const gone = { images: [lost.id], albums: [album] }
    expect(await keeper.checkLinks({ body })).toEqual(gone)
    expect(await linksOf(id)).toEqual([kept.id])
    expect(await keeper.checkLinks({ body })).toEqual(gone)
    await keeper.close()
    const other = createClient(mocLinksApi, {
      baseUrl: service.url,
      tokens: new ServiceTokens({ name: 'moc', issuer: 'banyan', key: new SigningKey(mocKey) }),
    })
    await expect(other.checkLinks({ body })).rejects.toThrow('answered 403')
    await other.close()
  })

  it('of a MOC that another side owns stay, hold nobody up, and go once it is this one’s', async () => {
    const image = await addImage('away')
    const [away, here] = [
      await addMoc('away', { galleryImageIds: [image.id] }),
      await addMoc('here', { galleryImageIds: [image.id] }),
    ]
    // Stands for the guard of a handover.
    await service.context.pool.query(`
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION USING ERRCODE = 'BN001', MESSAGE = 'owned by the monolith'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON moc.mocs FOR EACH ROW
        WHEN (OLD.owner_id = 'away') EXECUTE FUNCTION public.refuse()`)
    await ask(pictures.url, 'away', 'DELETE', `/images/${image.id}`)
    await eventually('it is gone here', async () => (await linksOf(here.id)).length === 0)
    expect(await linksOf(away.id)).toEqual([image.id])
    const { pool } = service.context
    await pool.query('DROP TRIGGER refuse ON moc.mocs')
    // It would be looked at again in half a minute.
    const later = await pool.query(
      `UPDATE moc.pending_links SET ask_after = now() WHERE ask_after > now() + interval '20 seconds' RETURNING moc_id AS id`,
    )
    expect(later.rows).toEqual([{ id: away.id }])
    await eventually('it is gone there', async () => (await linksOf(away.id)).length === 0)
    expect((await pool.query('SELECT FROM moc.pending_links')).rowCount).toBe(0)
  })

  it('are stored as pending while Gallery is away, and settled when it is back or is heard', async () => {
    const image = await addImage('later')
    const heardOf = crypto.randomUUID()
    await pictures.stop()
    const { id } = await addMoc('later', { galleryImageIds: [image.id, NOBODYS, heardOf] })
    expect(await linksOf(id)).toEqual([image.id, NOBODYS, heardOf])
    const [first] = await eventually('it is said', async () => {
      const all = said(id, 'moc.gallery-images-linked')
      return all.length > 0 && all
    })
    expect(first!.pending).toEqual([image.id, NOBODYS, heardOf].sort())
    const payload = { ownerId: 'later', imageId: heardOf, image: { ...image, id: heardOf } }
    await ear.context.publish(ImageUploaded.of(payload), { key: 'later' })
    await eventually('one is settled by the event', async () => {
      return said(id, 'moc.gallery-images-linked').some(
        ({ pending }) => !(pending as string[]).includes(heardOf),
      )
    })
    pictures = await startGallery()
    const last = await eventually('all are settled', async () => {
      const now = said(id, 'moc.gallery-images-linked').at(-1)!
      return (now.pending as string[]).length === 0 && now
    })
    expect(last.galleryImageIds).toEqual([image.id, heardOf])
    expect(await linksOf(id)).toEqual([image.id, heardOf])
  })
})
