import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text as textOf } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { BanyanError } from '@banyan/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { objectStoreConformance } from '../conformance/index.ts'
import { openObjectStore } from '../open-object-store.ts'
import { FolderStore } from './folder-store.ts'

const masterKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`
const text = { contentType: 'text/plain' }

objectStoreConformance('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'objects-'))
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://here')
    const asked = {
      method: request.method!,
      key: decodeURIComponent(pathname.slice('/files/'.length)),
      query: Object.fromEntries(searchParams),
      range: request.headers.range,
    }
    store.answerSigned(asked).then(
      ({ status, headers, body }) => {
        response.writeHead(status, headers)
        body ? body.pipe(response) : response.end()
      },
      (error: BanyanError) => response.writeHead(error.status).end(),
    )
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const settings = {
    url: pathToFileURL(folder).href,
    masterKeys: masterKey('k1'),
    publicUrl: `http://127.0.0.1:${port}/files`,
  }
  const store = (await openObjectStore(settings)) as FolderStore
  const stop = async () => {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true })
  }
  return { store, settings, stop }
})

describe('a folder’s files', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'objects-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const open = (masterKeys: string) =>
    FolderStore.open({ folder, masterKeys, publicUrl: 'http://127.0.0.1/files' })
  const read = async (store: FolderStore, key: string) => textOf((await store.get(key)).stream)

  it('tell nothing of what they hold, and no two are alike', async () => {
    const store = await open(masterKey('k1'))
    const content = Buffer.from('a secret that is easily found '.repeat(100))
    const options = { contentType: 'text/x-secret', metadata: { name: 'secret.txt' } }
    await store.put('a', content, options)
    await store.put('b', content, options)
    const [a, b] = [await readFile(join(folder, 'a~')), await readFile(join(folder, 'b~'))]
    for (const stored of [a, b]) expect(stored.includes('secret')).toBe(false)
    const alike = a.filter((byte, i) => byte === b[i]).length
    // The magic, the key's id with its padding, the empty second place; else by chance.
    expect(alike).toBeLessThan(4 + 32 + 92 + 4 + a.length / 50)
  })

  it('are refused when a byte of them was changed, wherever it is', async () => {
    const store = await open(masterKey('k1'))
    await store.put('a', randomBytes(100_000), text)
    const path = join(folder, 'a~')
    const good = await readFile(path)
    const places = [4, 40, 70, 188, 30_000, 65_725, 80_000, good.length - 5, good.length - 1]
    for (const place of places) {
      const bad = Buffer.from(good)
      bad[place]! ^= 1
      await writeFile(path, bad)
      const reading = store.get('a').then(({ stream }) => buffer(stream))
      await expect(reading, `byte ${place}`).rejects.toMatchObject({ code: 'OBJECT_UNREADABLE' })
    }
    for (const cut of [0, 100, 300, 60_000, good.length - 1]) {
      await writeFile(path, good.subarray(0, cut))
      await expect(store.head('a'), `cut at ${cut}`).rejects.toThrow('Object "a":')
    }
    await writeFile(path, good)
    expect(await store.head('a')).toMatchObject({ size: 100_000 })
  })

  it('give the parts that are whole of one that is damaged elsewhere', async () => {
    const store = await open(masterKey('k1'))
    const content = randomBytes(200_000)
    await store.put('a', content, text)
    const path = join(folder, 'a~')
    const bad = await readFile(path)
    bad[188 + 70_000]! ^= 1
    await writeFile(path, bad)
    const { stream } = await store.get('a', { range: { start: 140_000 } })
    expect((await buffer(stream)).equals(content.subarray(140_000))).toBe(true)
  })

  it('are refused under another name', async () => {
    const store = await open(masterKey('k1'))
    await store.put('a', Buffer.from('of a'), text)
    await writeFile(join(folder, 'b~'), await readFile(join(folder, 'a~')))
    await expect(store.get('b')).rejects.toThrow('it was stored under another name')
  })

  it('may be keys and folders of keys at once, and leave no empty folder', async () => {
    const store = await open(masterKey('k1'))
    await store.put('a', Buffer.from('1'), text)
    await store.put('a/b', Buffer.from('2'), text)
    expect(await read(store, 'a')).toBe('1')
    await store.deleteMany(['a/b', 'a'])
    expect(await readdir(folder)).toEqual(['.unfinished'])
  })

  it('are opened by a new master key after rotation, and no longer by the former', async () => {
    const [first, second] = [masterKey('k1'), masterKey('k2')]
    const before = await open(first)
    for (const key of ['a', 'b/c']) await before.put(key, Buffer.from(key), text)
    const both = await open(`${second},${first}`)
    await both.put('new', Buffer.from('new'), text)
    expect(await read(both, 'a')).toBe('a')
    expect(await both.rotateKeys()).toBe(2)
    expect(await both.rotateKeys()).toBe(0)
    const after = await open(second)
    for (const key of ['a', 'b/c', 'new']) expect(await read(after, key)).toBe(key)
    await expect(before.get('a')).rejects.toThrow(
      'its master key "k2" is not among those given (k1)',
    )
  })

  it('can be read after a rotation that was killed between its writes, and rotated again', async () => {
    const [first, second] = [masterKey('k1'), masterKey('k2')]
    const before = await open(first)
    await before.put('a', Buffer.from('kept'), text)
    const path = join(folder, 'a~')
    const former = await readFile(path)
    const both = await open(`${second},${first}`)
    await both.rotateKeys()
    const torn = await readFile(path)
    // The former key's place, not wiped yet.
    former.copy(torn, 4, 4, 4 + 92)
    await writeFile(path, torn)
    expect(await read(await open(second), 'a')).toBe('kept')
    expect(await both.rotateKeys()).toBe(1)
    await expect(before.get('a')).rejects.toMatchObject({ code: 'OBJECT_UNREADABLE' })
    expect(await read(both, 'a')).toBe('kept')
  })

  it('keep signed URLs valid through a rotation, until the former key is taken away', async () => {
    const [first, second] = [masterKey('k1'), masterKey('k2')]
    const store = await open(first)
    await store.put('a', Buffer.from('x'), text)
    const url = new URL(await store.signedUrl('a', { expiresInS: 60, method: 'GET' }))
    const asked = { method: 'GET', key: 'a', query: Object.fromEntries(url.searchParams) }
    const answer = await (await open(`${second},${first}`)).answerSigned(asked)
    answer.body!.destroy()
    expect(answer.status).toBe(200)
    await expect((await open(second)).answerSigned(asked)).rejects.toThrow('Its signature')
  })

  it('that a killed put began are removed once they are old, and not before', async () => {
    const store = await open(masterKey('k1'))
    await writeFile(join(folder, '.unfinished', 'left'), 'half')
    expect(await store.removeUnfinished(60_000)).toBe(0)
    expect(await store.removeUnfinished(-1_000)).toBe(1)
  })

  it.each([
    ['no key', ''],
    ['a key without an id', randomBytes(32).toString('base64')],
    ['a short key', `k1:${randomBytes(31).toString('base64')}`],
    ['one id twice', [masterKey('k1'), masterKey('k1')].join()],
  ])('are not kept with %s', async (_, masterKeys) => {
    const opening = open(masterKeys)
    await expect(opening).rejects.toMatchObject({ code: 'BAD_OBJECT_STORE' })
    const error = await opening.catch((refusal: BanyanError) => refusal)
    expect(String(error)).not.toContain(masterKeys.slice(4, 20) || '?')
  })
})

it.each([
  ['ftp://x', 'file:///folder or s3://bucket'],
  ['s3://bucket', 'names a bucket and its region'],
  ['s3://bucket?region=x&key=y', '"key" is no part of an S3 URL'],
  ['s3://bucket?region=x&style=none', 'style is "none"'],
  ['file:///tmp', 'A folder needs master keys'],
])('an object store is not opened by %s', async (url, reason) => {
  const opening = openObjectStore({ url })
  await expect(opening).rejects.toThrow(reason)
  await expect(opening).rejects.toBeInstanceOf(BanyanError)
})
