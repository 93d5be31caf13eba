import { randomBytes, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { eventually } from '@banyan/service/testing'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileDeleted, FileProcessed, FileStored } from './events.ts'
import type { NewFile } from './messages.ts'
import {
  QUOTA_BYTES,
  type StorageUnderTest,
  startStorage,
  wishFor,
} from './testing/storage-under-test.ts'

describe('the File Storage Service', () => {
  let all: StorageUnderTest
  beforeAll(async () => {
    all = await startStorage()
  })
  afterAll(() => all?.stop())

  const put = (content: string | Uint8Array, more: Partial<NewFile> = {}) =>
    all.client.upload({ query: wishFor(more), body: Buffer.from(content as string) })
  const used = async (ownerId: string) =>
    (await all.client.usage({ params: { ownerId } })).usedBytes
  const objectsOf = async (id: string, prefix = 'mocs') =>
    (await all.store.list({ prefix: `${prefix}/${id}/` })).objects.length
  /** As whoever has the URL would, though the service listens elsewhere than it says. */
  const open = (url: string) => fetch(url.replace('http://127.0.0.1:1', all.service.url))
  const refused = (code: string, status: number) => ({ answer: { code, status } })

  it('stores a file that was scanned, says so, and gives it back', async () => {
    const heard = await all.service.hear(FileStored)
    const file = await put('what it holds')
    expect(file).toMatchObject({
      size: 13,
      state: 'clean',
      scannedBy: 'clamav',
      fileName: 'a b.txt',
    })
    const { id, ownerId } = file
    expect(await all.client.getFile({ params: { id } })).toEqual(file)
    expect(Buffer.from(await all.client.download({ params: { id } })).toString()).toBe(
      'what it holds',
    )
    expect(await all.client.usage({ params: { ownerId } })).toEqual({
      usedBytes: 13,
      quotaBytes: QUOTA_BYTES,
    })
    await eventually('it is heard', () => heard.some(({ payload }) => payload.file.id === id))
  })

  it('signs URLs that anybody may use until they expire', async () => {
    const { id: fileId } = await put('for all')
    const { url } = await all.client.signedUrl({ query: { fileId, download: 'true' } })
    const answer = await open(url)
    expect(await answer.text()).toBe('for all')
    expect(answer.headers.get('content-disposition')).toContain('filename="a b.txt"')
    expect((await open(url.replace('a+b.txt', 'b.html'))).status).toBe(403)
    const part = await fetch(url.replace('http://127.0.0.1:1', all.service.url), {
      headers: { range: 'bytes=4-' },
    })
    expect([part.status, await part.text()]).toEqual([206, 'all'])
    const none = all.client.signedUrl({ query: { fileId, variant: 'webp' } })
    await expect(none).rejects.toMatchObject(refused('NOT_FOUND', 404))
  })

  it('is for services with a token, and for nobody else', async () => {
    const answer = await fetch(`${all.service.url}/internal/v1/usage/ann`)
    expect(answer.status).toBe(401)
  })

  it('makes variants of an image: upright, of two sizes and whole, with a blurhash', async () => {
    const heard = await all.service.hear(FileProcessed)
    const background = { r: 10, g: 120, b: 250 }
    const photo = await sharp({ create: { width: 600, height: 300, channels: 3, background } })
      .withExif({ IFD0: { Copyright: 'somebody' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    const more = { prefix: 'gallery', contentType: 'image/jpeg', watermark: true } as const
    const { id } = await put(photo, more)
    const file = await eventually('it is processed', async () => {
      const now = await all.client.getFile({ params: { id } })
      return now.state === 'processed' && now
    })
    expect(file.problem).toBe(null)
    expect(file.image).toMatchObject({ width: 300, height: 600 })
    expect(file.image!.blurhash).toMatch(/^[\w#$%*+,\-.:;=?@[\]^{|}~]{20,}$/)
    expect(file.variants.map(({ name, width, height }) => [name, width, height])).toEqual([
      ['thumbnail200', 200, 200],
      ['thumbnail400', 400, 400],
      ['webp', 300, 600],
    ])
    const colours: number[][] = []
    for (const variant of ['thumbnail200', 'webp'] as const) {
      const bytes = Buffer.from(await all.client.download({ params: { id }, query: { variant } }))
      const { format, exif } = await sharp(bytes).metadata()
      expect({ format, exif }).toEqual({ format: 'webp', exif: undefined })
      const raw = await sharp(bytes).removeAlpha().raw().toBuffer()
      colours.push([...raw.subarray(-3)])
    }
    // The watermark of these tests is red, and lies in the corner of the larger ones.
    expect(colours[0]![2]).toBeGreaterThan(200)
    expect(colours[1]![0]).toBeGreaterThan(200)
    expect(await used(file.ownerId)).toBe(photo.length)
    await eventually('it is heard', () => heard.some(({ payload }) => payload.file.id === id))
    await all.client.deleteFile({ params: { id } })
    expect(await objectsOf(id, 'gallery')).toBe(0)
  })

  it('keeps an image that it cannot process, and says why', async () => {
    const background = { r: 1, g: 2, b: 3 }
    const create = { width: 1_001, height: 1_000, channels: 3, background } as const
    const bomb = await sharp({ create }).png().toBuffer()
    const images = [
      [bomb, /pixel/],
      [bomb.subarray(0, bomb.length / 2), /pixel|png|end/i],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /./],
      [Buffer.from('no image at all'), /unsupported image format/],
    ] as const
    for (const [bytes, problem] of images) {
      const { id } = await put(bytes, { contentType: 'image/png' })
      const file = await eventually('it is looked at', async () => {
        const now = await all.client.getFile({ params: { id } })
        return now.state === 'processed' && now
      })
      expect(file).toMatchObject({ image: null, variants: [] })
      expect(file.problem).toMatch(problem)
    }
  })

  it('lets uploads at once take no more than the quota', async () => {
    const ownerId = `u${randomUUID()}`
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => put(randomBytes(300_000), { ownerId })),
    )
    const stored = tries.filter(({ status }) => status === 'fulfilled')
    expect(stored).toHaveLength(3)
    for (const one of tries) {
      if (one.status === 'rejected') {
        expect(one.reason).toMatchObject(refused('QUOTA_EXCEEDED', 413))
      }
    }
    expect(await used(ownerId)).toBe(900_000)
    await put(randomBytes(100_000), { ownerId })
    await expect(put('x', { ownerId })).rejects.toMatchObject(refused('QUOTA_EXCEEDED', 413))
    await put('x')
  })

  it('refuses what is too large, odd or of no known prefix, and counts nothing', async () => {
    const ownerId = `u${randomUUID()}`
    const large = put(randomBytes(900_001), { ownerId })
    await expect(large).rejects.toMatchObject(refused('TOO_LARGE', 413))
    const odd = [
      { fileName: '../a' },
      { fileName: 'a\nb' },
      { contentType: 'text' },
      { prefix: 'etc' as 'mocs' },
      { fileId: 'x' },
    ]
    for (const more of odd) {
      await expect(put('x', { ownerId, ...more })).rejects.toMatchObject(refused('VALIDATION', 400))
    }
    expect(await used(ownerId)).toBe(0)
  })

  it('answers what comes after a refused upload on the same connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const headers = { 'x-banyan-service-token': await all.tokens.for('storage') }
    const ask = (method: string, path: string, body?: Buffer) =>
      new Promise<number>((resolve, reject) => {
        const type = { 'content-type': 'application/octet-stream' }
        const asking = request(
          `${all.service.url}/internal/v1${path}`,
          { agent, method, headers: { ...headers, ...(body ? type : {}) } },
          (answer) => answer.resume().once('end', () => resolve(answer.statusCode!)),
        )
        asking.once('error', reject).end(body)
      })
    const query = new URLSearchParams(wishFor() as unknown as Record<string, string>)
    for (let i = 0; i < 3; i++) {
      expect(await ask('POST', `/upload?${query}`, randomBytes(900_001))).toBe(413)
      expect(await ask('GET', '/usage/ann')).toBe(200)
    }
    agent.destroy()
  })

  it('stores a file once, however often it is sent with its id', async () => {
    const more = { fileId: randomUUID(), ownerId: `u${randomUUID()}` }
    const first = await put('once', more)
    expect(await put('once', more)).toEqual(first)
    expect(await used(more.ownerId)).toBe(4)
    expect(await objectsOf(more.fileId)).toBe(1)
    const stranger = put('mine', { fileId: more.fileId })
    await expect(stranger).rejects.toMatchObject(refused('FILE_ID_TAKEN', 409))
    await all.client.deleteFile({ params: { id: more.fileId } })
    await expect(put('once', more)).rejects.toMatchObject(refused('FILE_GONE', 410))
  })

  it('deletes one and many, as often as it is told to', async () => {
    const heard = await all.service.hear(FileDeleted)
    const ownerId = `u${randomUUID()}`
    const files = [
      await put('1', { ownerId }),
      await put('2', { ownerId }),
      await put('3', { ownerId }),
    ]
    const [one, ...others] = files.map(({ id }) => id)
    await all.client.deleteFile({ params: { id: one! } })
    await all.client.deleteFile({ params: { id: one! } })
    const fileIds = [one!, ...others, randomUUID()]
    expect(await all.client.deleteFiles({ body: { fileIds } })).toEqual({ deleted: 2 })
    expect(await all.client.deleteFiles({ body: { fileIds } })).toEqual({ deleted: 0 })
    expect(await used(ownerId)).toBe(0)
    for (const id of [one!, ...others]) {
      expect(await objectsOf(id)).toBe(0)
      const reading = all.client.download({ params: { id } })
      await expect(reading).rejects.toMatchObject(refused('NOT_FOUND', 404))
    }
    await eventually('all are heard, once', () => {
      return heard.filter(({ payload }) => payload.ownerId === ownerId).length === 3
    })
  })

  it.each([
    ['carries malware', 'MALWARE', 'FILE_INFECTED', 422],
    ['cannot be scanned to its end', 'TOO-DEEP', 'FILE_UNSCANNABLE', 422],
    ['makes the scanner fail', 'BROKEN', 'SCANNER_AWAY', 503],
  ])('stores nothing that %s', async (_, content, code, status) => {
    const more = { fileId: randomUUID(), ownerId: `u${randomUUID()}` }
    await expect(put(`some ${content}`, more)).rejects.toMatchObject(refused(code, status))
    expect(await used(more.ownerId)).toBe(0)
    expect(await objectsOf(more.fileId)).toBe(0)
    const asked = all.client.getFile({ params: { id: more.fileId } })
    await expect(asked).rejects.toMatchObject(refused('NOT_FOUND', 404))
  })

  it('keeps nothing of a client that goes away in the middle', async () => {
    const more = { fileId: randomUUID(), ownerId: `u${randomUUID()}` }
    const query = new URLSearchParams(wishFor(more) as unknown as Record<string, string>)
    const sending = request(`${all.service.url}/internal/v1/upload?${query}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': '500000',
        'x-banyan-service-token': await all.tokens.for('storage'),
      },
    })
    sending.on('error', () => {})
    sending.write(randomBytes(200_000))
    await eventually('room is reserved', async () => (await used(more.ownerId)) === 500_000)
    sending.destroy()
    await eventually('it is given back', async () => (await used(more.ownerId)) === 0)
    await eventually('no bytes are left', async () => (await objectsOf(more.fileId)) === 0)
  })

  it('counts nothing for an upload whose time is over, sweeps it, and lets it confirm nothing', async () => {
    const more = { fileId: randomUUID(), ownerId: `u${randomUUID()}` }
    const sent = put('for which the scanner WAITS', more).catch((error: unknown) => error)
    await eventually('it is being scanned', () => all.clamd.waiting === 1)
    expect(await used(more.ownerId)).toBe(27)
    await expect(put('again', more)).rejects.toMatchObject(refused('UPLOAD_RUNNING', 409))
    const timeIsOver = (since: string) =>
      all.db.query('UPDATE storage.files SET expires_at = now() - $2::interval WHERE id = $1', [
        more.fileId,
        since,
      ])
    await timeIsOver('1 second')
    expect(await used(more.ownerId)).toBe(0)
    expect(await objectsOf(more.fileId)).toBe(1)
    // Longer than it may take to notice.
    await timeIsOver('1 hour')
    await eventually('its row is swept', async () => {
      const { rowCount } = await all.db.query('SELECT FROM storage.files WHERE id = $1', [
        more.fileId,
      ])
      return rowCount === 0
    })
    expect(await objectsOf(more.fileId)).toBe(0)
    all.clamd.answer()
    expect(await sent).toMatchObject(refused('UPLOAD_EXPIRED', 503))
    expect(await used(more.ownerId)).toBe(0)
    expect(await put('anew', more)).toMatchObject({ id: more.fileId, size: 4 })
  })

  it('says in its health which scanner it has, and that it does not answer', async () => {
    const ready = async () => (await fetch(`${all.service.url}/health/ready`)).json()
    const scanner = { name: 'scanner: clamav', required: false }
    expect(await ready()).toMatchObject({
      status: 'ready',
      checks: expect.arrayContaining([
        expect.objectContaining({ ...scanner, ok: true }),
        expect.objectContaining({ name: 'objects', required: true, ok: true }),
      ]),
    })
    await all.clamd.stop()
    expect(await ready()).toMatchObject({
      status: 'ready',
      checks: expect.arrayContaining([expect.objectContaining({ ...scanner, ok: false })]),
    })
    await expect(put('x')).rejects.toMatchObject(refused('SCANNER_AWAY', 503))
  })
})
