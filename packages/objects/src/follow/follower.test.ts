import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { BucketSet, bucketOf } from '@banyan/contracts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FolderStore } from '../folder/folder-store.ts'
import { MemoryRecords } from '../testing/memory-records.ts'
import { FolderSide } from './folder-side.ts'
import { Follower, type FollowerOptions, type FollowerStatus } from './follower.ts'
import type { ObjectSide } from './side.ts'
import { StoreSide } from './store-side.ts'

/** An application's folder of uploads, `<user>/<file>`, that moves into a store of encrypted objects. */
let root: string
let uploads: string
let store: FolderStore
let records: MemoryRecords
const begun: Follower[] = []

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'follow-'))
  uploads = join(root, 'uploads')
  await mkdir(uploads)
  store = await FolderStore.open({
    folder: join(root, 'store'),
    masterKeys: `k1:${randomBytes(32).toString('base64')}`,
    publicUrl: 'http://127.0.0.1',
  })
  records = new MemoryRecords()
})
afterEach(async () => {
  await Promise.all(begun.splice(0).map((one) => one.close()))
  await rm(root, { recursive: true })
})

const source = () => new FolderSide(uploads, 0)
const target = () => new StoreSide(store, { name: 'the store', prefix: 'files/', ownerSegment: 0 })

function follow(change: Partial<FollowerOptions> = {}): Follower {
  const follower = new Follower({
    sides: { source: source(), target: target() },
    records,
    stillOurs: async () => {},
    bytesPerSecond: () => Number.POSITIVE_INFINITY,
    ...change,
  })
  begun.push(follower)
  return follower
}

async function upload(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(uploads, path)), { recursive: true })
  await writeFile(join(uploads, path), content)
}

/** What there is; nothing while it is not there. */
const uploaded = (path: string) => readFile(join(uploads, path), 'utf8').catch(() => null)

/** Null where there is none, also where it is deleted between the asking and the reading. */
const stored = (key: string) =>
  store.get(`files/${key}`).then(
    ({ stream }) => text(stream),
    (error: { code?: unknown }) => {
      if (error.code === 'NOT_FOUND') return null
      throw error
    },
  )

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await delay(10)
}

const awaitStatus = (follower: Follower, wanted: (status: FollowerStatus) => boolean) =>
  until(() => wanted(follower.status()))

const inStep = (follower: Follower) => awaitStatus(follower, ({ state }) => state === 'in step')

/** A side of which single methods are replaced. */
function changed(side: ObjectSide, change: (side: ObjectSide) => Partial<ObjectSide>): ObjectSide {
  const replaced = change(side)
  return {
    name: side.name,
    list: replaced.list ?? ((after, of) => side.list(after, of)),
    read: replaced.read ?? ((key) => side.read(key)),
    write: replaced.write ?? ((key, content, more) => side.write(key, content, more)),
    delete: replaced.delete ?? ((key) => side.delete(key)),
    close: () => side.close(),
  }
}

it('copies what there is, and follows what is new, replaced and deleted', async () => {
  const large = randomBytes(300_000).toString('base64')
  await upload('ann/a.txt', 'a')
  await upload('ann/deep/er/b.txt', large)
  await upload('bob/empty', '')
  const follower = follow()
  expect(follower.status()).toMatchObject({ state: 'stopped', lagMs: null })
  follower.start(BucketSet.none)
  await inStep(follower)
  expect(await Promise.all(['ann/a.txt', 'ann/deep/er/b.txt', 'bob/empty'].map(stored))).toEqual([
    'a',
    large,
    '',
  ])
  expect(follower.status()).toMatchObject({
    ...{ objects: 3, bytes: 1 + large.length, problems: 0, why: null, etaMs: 0 },
    left: { objects: 0, bytes: 0 },
  })
  await upload('ann/a.txt', 'another')
  await upload('cyd/new', 'n')
  await rm(join(uploads, 'bob/empty'))
  await until(async () => (await stored('ann/a.txt')) === 'another')
  await until(async () => (await stored('cyd/new')) === 'n')
  await until(async () => (await stored('bob/empty')) === null)
})

it('goes the other way for the owners that the target has, and only for those', async () => {
  await upload('ann/a', 'of ann')
  await upload('bob/b', 'of bob')
  const follower = follow()
  follower.start(BucketSet.none)
  await inStep(follower)
  await follower.stop()
  const ann = BucketSet.of([bucketOf('ann')])
  follower.start(ann)
  await store.put('files/ann/a', Buffer.from('newer'), { contentType: 'text/plain' })
  await store.put('files/ann/c', Buffer.from('more'), { contentType: 'text/plain' })
  await upload('bob/b', 'newer of bob')
  // Copies: what happens to them where they are not owned is not carried over.
  await store.put('files/bob/stray', Buffer.from('x'), { contentType: 'text/plain' })
  await until(async () => (await uploaded('ann/a')) === 'newer')
  await until(async () => (await uploaded('ann/c')) === 'more')
  await until(async () => (await stored('bob/b')) === 'newer of bob')
  await store.delete('files/ann/a')
  await until(async () => (await uploaded('ann/a')) === null)
  expect(await uploaded('bob/stray')).toBe(null)
  expect(await stored('ann/c')).toBe('more')
})

it('tells of a file that is listed and missing, goes on with the others, and takes it when it comes', async () => {
  await upload('ann/a', 'a')
  await upload('ann/b', 'b')
  let missing = true
  const rows = changed(source(), (side) => ({
    async *list(after, of) {
      for await (const one of side.list(after, of)) {
        yield one.key === 'ann/a' ? { ...one, version: missing ? '1' : '2' } : one
      }
    },
    read: async (key) => (missing && key === 'ann/a' ? null : side.read(key)),
  }))
  const follower = follow({ sides: { source: rows, target: target() } })
  follower.start(BucketSet.none)
  await inStep(follower)
  expect(follower.status()).toMatchObject({ objects: 1, problems: 1 })
  const [problem] = await follower.problems()
  expect(problem).toMatchObject({ key: 'ann/a', problem: { kind: 'missing' } })
  expect(problem!.problem!.why).toContain('lists "ann/a", and has no content for it')
  missing = false
  await until(async () => (await stored('ann/a')) === 'a')
  await awaitStatus(follower, ({ problems }) => problems === 0)
})

it('tells of a file that the target will not take, by name and reason', async () => {
  await upload('ann/my holiday.txt', 'a')
  await upload('ann/ok', 'b')
  const follower = follow()
  follower.start(BucketSet.none)
  await inStep(follower)
  expect(await stored('ann/ok')).toBe('b')
  const [problem] = await follower.problems()
  expect(problem).toMatchObject({ key: 'ann/my holiday.txt', problem: { kind: 'refused' } })
  expect(problem!.problem!.why).toContain('"my holiday.txt" is no segment')
})

it('deletes nothing when the source is away, or most of it is gone at once', async () => {
  const names = Array.from({ length: 101 }, (_, i) => `ann/${i}`)
  for (const name of names) await upload(name, name)
  const follower = follow()
  follower.start(BucketSet.none)
  await inStep(follower)
  await rename(uploads, `${uploads}-away`)
  await awaitStatus(follower, ({ state }) => state === 'failing')
  expect(follower.status().why).toContain('ENOENT')
  // What an unmounted folder looks like.
  await mkdir(uploads)
  await awaitStatus(follower, ({ why }) => why?.includes('nothing is deleted') ?? false)
  expect(follower.status().why).toContain('101 of 101 objects are gone from')
  expect(await stored('ann/7')).toBe('ann/7')
  await rm(uploads, { recursive: true })
  await rename(`${uploads}-away`, uploads)
  await inStep(follower)
})

it('does not take for stored what cannot be read back as it was', async () => {
  await upload('ann/a', 'right')
  let wrong = true
  const bad = changed(target(), (side) => ({
    write: async (key, content, more) => {
      await side.write(key, content, more)
      if (wrong) await side.write(key, [Buffer.from('wrong')] as never, more)
    },
  }))
  const follower = follow({ sides: { source: source(), target: bad } })
  follower.start(BucketSet.none)
  await awaitStatus(follower, ({ state }) => state === 'failing')
  expect(follower.status().why).toMatch(
    /the store has SHA-256 .* for "ann\/a", written was SHA-256/,
  )
  expect(records.get('ann/a')).toBe(undefined)
  wrong = false
  await inStep(follower)
  expect(await stored('ann/a')).toBe('right')
})

it('writes and deletes nothing once another has taken over, however much of it was read', async () => {
  await upload('ann/a', randomBytes(500_000))
  const follower = follow({
    stillOurs: async () => {
      throw new Error('another engine leads')
    },
  })
  follower.start(BucketSet.none)
  await awaitStatus(follower, ({ state }) => state === 'failing')
  expect(follower.status().why).toContain('another engine leads')
  expect(await stored('ann/a')).toBe(null)
})

it('goes on where another ended: what is in step is not read again', async () => {
  for (const name of ['a', 'b', 'c']) await upload(`ann/${name}`, name)
  const first = follow()
  first.start(BucketSet.none)
  await inStep(first)
  await first.close()
  await upload('ann/d', 'd')
  const read: string[] = []
  const watched = changed(source(), (side) => ({
    read: (key) => {
      read.push(key)
      return side.read(key)
    },
  }))
  const second = follow({ sides: { source: watched, target: target() } })
  second.start(BucketSet.none)
  await inStep(second)
  expect(read).toEqual(['ann/d'])
})

it('settles what is about to change its owner, deletions too, or says why it cannot', async () => {
  await upload('ann/a', 'a')
  await upload('ann/b', 'b')
  const follower = follow()
  follower.start(BucketSet.none)
  await inStep(follower)
  await follower.stop()
  const ann = BucketSet.of([bucketOf('ann')])
  await upload('ann/a', 'last')
  await upload('bob/x', 'not asked for')
  await rm(join(uploads, 'ann/b'))
  expect(await follower.settle(ann, 'source', 5_000)).toBe(null)
  expect([await stored('ann/a'), await stored('ann/b'), await stored('bob/x')]).toEqual([
    'last',
    null,
    null,
  ])
  await rename(uploads, `${uploads}-away`)
  await expect(follower.settle(ann, 'source', 5_000)).rejects.toThrow('ENOENT')
  await rename(`${uploads}-away`, uploads)
  await upload('ann/c', 'c')
  const slow = follow({ bytesPerSecond: () => 0 })
  expect(await slow.settle(ann, 'source', 50)).toContain('could not be looked at within 50 ms')
  expect(await stored('ann/c')).toBe(null)
})

it('finds copies that were changed, damaged or lost behind its back, lists them and mends them', async () => {
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) await upload(`ann/${name}`, `content of ${name}`)
  const follower = follow()
  follower.start(BucketSet.none)
  await inStep(follower)
  await store.put('files/ann/a', Buffer.from('content of x'), { contentType: 'text/plain' })
  await store.delete('files/ann/b')
  const path = join(root, 'store/files/ann/c~')
  const bytes = await readFile(path)
  bytes[200]! ^= 1
  await writeFile(path, bytes)
  follower.verify()
  await awaitStatus(follower, ({ verified }) => verified !== null)
  const { verified } = follower.status()
  expect(verified).toMatchObject({ compared: 4, differing: 3 })
  expect([...verified!.examples].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
    { key: 'ann/a', kind: 'changed' },
    { key: 'ann/b', kind: 'missing' },
    { key: 'ann/c', kind: 'unreadable' },
  ])
  for (const name of names) {
    await until(async () => (await stored(`ann/${name}`).catch(() => '')) === `content of ${name}`)
  }
  follower.verify()
  await awaitStatus(follower, ({ verified: again }) => again?.differing === 0)
})

it('a look at some buckets reads the folders of their owners alone', async () => {
  const keys = ['ann/1', 'ann/deep/2', 'bob/3', 'bob/deep/er/4', 'eve/5', 'nobodys']
  for (const key of keys) await upload(key, key)
  const side = source()
  const listed = async (of: BucketSet, after = '') => {
    const found: string[] = []
    for await (const { key } of side.list(after, of)) found.push(key)
    return found
  }
  const of = (...owners: (string | null)[]) => BucketSet.of(owners.map(bucketOf))
  expect(await listed(BucketSet.all)).toEqual(keys)
  expect(await listed(of('bob'))).toEqual(['bob/3', 'bob/deep/er/4'])
  expect(await listed(of('ann', null), 'ann/1')).toEqual(['ann/deep/2', 'nobodys'])
  expect(await listed(BucketSet.none)).toEqual([])
})

it('never leads out of its folder, and takes what begins with a dot for nobody’s', async () => {
  await writeFile(join(root, 'secret'), 'secret')
  await upload('ann/.hidden', 'x')
  const side = source()
  for (const key of ['../secret', 'ann/../../secret', '/etc/passwd', '.hidden']) {
    await expect(side.read(key)).rejects.toThrow('is no path below')
    await expect(side.write(key, [] as never)).rejects.toThrow('is no path below')
  }
  const listed: string[] = []
  for await (const { key } of side.list('', BucketSet.all)) listed.push(key)
  expect(listed).toEqual([])
})

it('what is deleted between the listing and the read is no problem; what stays listed without content is one', async () => {
  await upload('ann/short-lived', 'a draft')
  await upload('ann/whole', 'whole')
  const from = source()
  const list = from.list.bind(from)
  let listings = 0
  from.list = async function* (after, of) {
    const found = []
    for await (const one of list(after, of)) found.push(one)
    // The first listing only counts; what the second one has is read.
    if (++listings === 2) await rm(join(uploads, 'ann/short-lived'))
    yield* found
    yield { key: 'bob/lost', owner: 'bob', version: '1', size: 1 }
  }
  const keep = vi.spyOn(records, 'keep')
  const follower = follow({ sides: { source: from, target: target() } })
  follower.start(BucketSet.none)
  await awaitStatus(follower, ({ problems }) => problems > 0)
  expect((await follower.problems()).map(({ key }) => key)).toEqual(['bob/lost'])
  expect(keep.mock.calls.map(([{ key }]) => key)).not.toContain('ann/short-lived')
  expect(await stored('ann/whole')).toBe('whole')
})
