import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type System, send, startSystem } from '../testing/monolith.ts'
import { eventually } from '../testing/processes.ts'

let system: System
let db: pg.Pool
beforeAll(async () => {
  system = await startSystem()
  db = new pg.Pool({ connectionString: system.monolithDatabase, max: 2 })
  db.on('error', () => {})
})
afterAll(async () => {
  await db.end()
  await system.stop()
})

const as = async (user: string, method: string, path: string, body?: unknown, roles?: string[]) =>
  send(
    `${system.monolith.url}/api${path}`,
    method,
    { authorization: `Bearer ${await system.token(user, roles)}` },
    body,
  )
const addItems = async (user: string, titles: string[]) => {
  const ids: string[] = []
  for (const title of titles) ids.push((await as(user, 'POST', '/wishlist', { title })).body.id)
  return ids
}
const titles = async (user: string) => {
  const { body } = await as(user, 'GET', '/wishlist?limit=100')
  return body.items.map((item: { title: string }) => item.title)
}

describe('the wishlist', () => {
  it('gives items created at the same time each its own place', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `Set ${i}`)
    const answers = await Promise.all(
      names.map((title) => as('many', 'POST', '/wishlist', { title })),
    )
    expect(answers.map((answer) => answer.status)).toEqual(names.map(() => 201))
    const places = answers.map((answer) => answer.body.sortOrder).sort((a, b) => a - b)
    expect(places).toEqual(names.map((_, i) => i))
  })

  it('reorders at once, and refuses an order that does not name each item', async () => {
    const [a, b, c] = await addItems('orders', ['A', 'B', 'C'])
    expect((await as('orders', 'POST', '/wishlist/reorder', { itemIds: [c, a, b] })).status).toBe(
      200,
    )
    expect(await titles('orders')).toEqual(['C', 'A', 'B'])
    const refused = await as('orders', 'POST', '/wishlist/reorder', { itemIds: [a, b] })
    expect(refused.body.error).toMatchObject({ code: 'REORDER_MISMATCH' })
  })

  it('applies a debounced order after kill -9', async () => {
    const ids = await addItems('dragger', ['A', 'B', 'C'])
    const later = await as('dragger', 'POST', '/wishlist/reorder/debounced', {
      itemIds: ids.toReversed(),
    })
    expect(later).toMatchObject({ status: 202, body: { pending: true, itemCount: 3 } })
    await system.restart('SIGKILL')
    await eventually('the order is applied', async () => {
      return !(await as('dragger', 'GET', '/wishlist/reorder/status')).body.pending
    })
    expect(await titles('dragger')).toEqual(['C', 'B', 'A'])
  })

  it('applies the orders of others while one cannot be applied', async () => {
    await addItems('stuck', ['A', 'B'])
    const ids = await addItems('free', ['A', 'B'])
    await db.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not yours' USING ERRCODE = 'XX999'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON wishlist_items
        FOR EACH ROW WHEN (OLD.user_id = 'stuck') EXECUTE FUNCTION refuse();
      INSERT INTO wishlist_reorders (user_id, item_ids, due_at)
        SELECT 'stuck', array_agg(id ORDER BY sort_order DESC), now() FROM wishlist_items
         WHERE user_id = 'stuck'`)
    await as('free', 'POST', '/wishlist/reorder/debounced', { itemIds: ids.toReversed() })
    await eventually('the other order is applied', async () => {
      return !(await as('free', 'GET', '/wishlist/reorder/status')).body.pending
    })
    expect(await titles('free')).toEqual(['B', 'A'])
    expect((await as('stuck', 'GET', '/wishlist/reorder/status')).body.pending).toBe(true)
    expect(await titles('stuck')).toEqual(['A', 'B'])
    await db.query('DROP TRIGGER refuse ON wishlist_items')
    await eventually('the stuck order is applied', async () => {
      return !(await as('stuck', 'GET', '/wishlist/reorder/status')).body.pending
    })
    expect(await titles('stuck')).toEqual(['B', 'A'])
  })

  it('answers 500 to a refusal of the database that it does not know', async () => {
    const [id] = await addItems('refused', ['A'])
    await db.query(`CREATE TRIGGER refuse BEFORE UPDATE ON wishlist_items
      FOR EACH ROW WHEN (OLD.user_id = 'refused') EXECUTE FUNCTION refuse()`)
    const answer = await as('refused', 'PATCH', `/wishlist/${id}`, { title: 'B' })
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'INTERNAL' } } })
  })

  it('has its invariants in the database too', async () => {
    const insert = (category: string, place: number) =>
      db.query(
        'INSERT INTO wishlist_items (user_id, title, category, sort_order) VALUES ($1, $2, $3, $4)',
        ['sql', 'X', category, place],
      )
    await insert('City', 0)
    await expect(insert('City', 0)).rejects.toThrow('wishlist_items_place')
    await expect(insert('Lincoln Logs', 1)).rejects.toThrow('category')
  })
})

describe('MOCs', () => {
  const newMoc = async (user: string) =>
    (await as(user, 'POST', '/mocs', { title: 'Long March 10B', tags: ['rocket'], theme: 'Space' }))
      .body.id as string
  const upload = (user: string, moc: string, name: string, content: string) => {
    const form = new FormData()
    form.set('file', new Blob([content]), name)
    return as(user, 'POST', `/mocs/${moc}/parts-lists`, form)
  }

  it('counts the pieces of all its parts lists', async () => {
    const moc = await newMoc('builder')
    const first = await upload(
      'builder',
      moc,
      'wanted.xml',
      '<INVENTORY><ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>3001</ITEMID><COLOR>5</COLOR><MINQTY>1,752</MINQTY><QTYFILLED>2</QTYFILLED></ITEM><ITEM><ITEMID>3002</ITEMID><MINQTY>-1</MINQTY></ITEM></INVENTORY>',
    )
    expect(first).toMatchObject({ status: 201, body: { pieceCount: 1750, rejected: [{ at: 2 }] } })
    await upload('builder', moc, 'set.csv', 'Part,Color,Quantity\n3001,4,10\n')
    expect((await as('builder', 'GET', `/mocs/${moc}`)).body.totalPieceCount).toBe(1760)
    const list = `/mocs/${moc}/parts-lists/${first.body.id}`
    expect((await as('builder', 'PATCH', list, { acquiredCount: 1751 })).body.error.code).toBe(
      'TOO_MANY_ACQUIRED',
    )
    expect((await as('builder', 'DELETE', list)).status).toBe(204)
    expect((await as('builder', 'GET', `/mocs/${moc}`)).body.totalPieceCount).toBe(10)
  })

  it.each([
    ['broken.xml', '<INVENTORY><ITEM></INVENTORY>', /Not valid XML, line 1/],
    ['empty.csv', '', /must name Part, Color and Quantity, given an empty file/],
    ['other.csv', 'a,b\n1,2\n', /given "a,b"/],
  ])('says why it cannot read %s', async (name, content, message) => {
    const answer = await upload('builder', await newMoc('builder'), name, content)
    expect(answer.status).toBe(422)
    expect(answer.body.error.message).toMatch(message)
  })

  it('is complete only with instructions', async () => {
    const moc = await newMoc('finisher')
    const finish = () => as('finisher', 'PATCH', `/mocs/${moc}`, { status: 'complete' })
    expect((await finish()).body.error.code).toBe('NO_INSTRUCTIONS')
    const form = new FormData()
    form.set('kind', 'instruction')
    form.set('file', new Blob(['%PDF-1.7']), 'steps.pdf')
    const file = await as('finisher', 'POST', `/mocs/${moc}/files`, form)
    expect(file.status).toBe(201)
    expect((await finish()).body.status).toBe('complete')
    const path = `/mocs/${moc}/files/${file.body.id}`
    expect((await as('finisher', 'GET', path)).text).toBe('%PDF-1.7')
    expect((await as('finisher', 'DELETE', path)).status).toBe(409)
  })

  it('is found by a search as soon as it is created, and changed by its user alone', async () => {
    const moc = await newMoc('found')
    const { body } = await as('anyone', 'GET', '/search?q=rocket&limit=100')
    expect(body.results.map((hit: { id: string }) => hit.id)).toContain(moc)
    expect((await as('anyone', 'PATCH', `/mocs/${moc}`, { title: 'Mine' })).status).toBe(403)
    expect((await as('found', 'DELETE', `/mocs/${moc}`)).status).toBe(204)
    expect((await as('found', 'GET', `/mocs/${moc}`)).status).toBe(404)
  })

  it('links only gallery images that are there', async () => {
    const galleryImageIds = ['00000000-0000-4000-8000-000000000000']
    const answer = await as('linker', 'POST', '/mocs', { title: 'X', galleryImageIds })
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'UNKNOWN_REFERENCE' } } })
  })
})

describe('the gallery', () => {
  const newImage = async (user: string, more: object = {}) =>
    (
      await as(user, 'POST', '/gallery', {
        title: 'Castle at dusk',
        imageUrl: 'https://img.example.org/castle.jpg',
        ...more,
      })
    ).body.id as string

  it('hides a flagged image from others until a moderator dismisses the flag', async () => {
    const image = await newImage('artist')
    const flag = await as('critic', 'POST', `/gallery/${image}/flags`, { reason: 'blurred' })
    expect(flag.status).toBe(201)
    expect(
      (await as('critic', 'POST', `/gallery/${image}/flags`, { reason: 'again' })).status,
    ).toBe(409)
    expect((await as('critic', 'GET', `/gallery/${image}`)).status).toBe(404)
    expect((await as('artist', 'GET', `/gallery/${image}`)).status).toBe(200)
    const review = (roles: string[]) =>
      as('boss', 'PATCH', `/gallery/flags/${flag.body.id}`, { status: 'dismissed' }, roles)
    expect((await review(['user'])).status).toBe(403)
    expect((await review(['moderator'])).status).toBe(200)
    expect((await as('critic', 'GET', `/gallery/${image}`)).status).toBe(200)
  })

  it('takes as cover only an image of the album, and drops it when it leaves', async () => {
    const album = (await as('curator', 'POST', '/gallery/albums', { title: 'Castles' })).body.id
    const inside = await newImage('curator', { albumId: album })
    const cover = (coverImageId: string) =>
      as('curator', 'PATCH', `/gallery/albums/${album}`, { coverImageId })
    expect((await cover(await newImage('curator'))).body.error.code).toBe('COVER_NOT_IN_ALBUM')
    expect((await cover(inside)).body.coverImageId).toBe(inside)
    expect((await as('curator', 'PATCH', `/gallery/${inside}`, { albumId: null })).status).toBe(200)
    expect((await as('curator', 'GET', `/gallery/albums/${album}`)).body.coverImageId).toBeNull()
    await expect(
      db.query('UPDATE gallery_albums SET cover_image_id = $1 WHERE id = $2', [inside, album]),
    ).rejects.toThrow('gallery_albums_cover_is_inside')
  })
})

describe('profiles', () => {
  it('are written by their user, and shown to others in part', async () => {
    const body = {
      displayName: 'Ole',
      avatarUrl: 'https://img.example.org/ole.png',
      location: 'Billund',
    }
    expect((await as('ole', 'PUT', '/users/me', body)).status).toBe(200)
    expect((await as('ole', 'GET', '/users/ole')).body).toMatchObject(body)
    expect((await as('other', 'GET', '/users/ole')).status).toBe(403)
    expect((await as('other', 'GET', '/users/ole/public')).body).toEqual({
      userId: 'ole',
      displayName: 'Ole',
      bio: null,
      avatarUrl: body.avatarUrl,
    })
  })
})

describe('the process', () => {
  it('answers 503 while its database is gone, and goes on when it is back', async () => {
    await addItems('patient', ['A'])
    await system.server.kill()
    const during = await as('patient', 'GET', '/wishlist')
    expect(during).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } })
    await system.server.start()
    await eventually(
      'it answers again',
      async () => (await as('patient', 'GET', '/wishlist')).status === 200,
    )
    expect(await titles('patient')).toEqual(['A'])
  })

  it('ends cleanly on SIGTERM', async () => {
    expect(await system.monolith.end('SIGTERM')).toBe(0)
  })
})
