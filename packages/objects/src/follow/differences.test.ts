import { BucketSet, bucketOf } from '@banyan/contracts'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { differences } from './differences.ts'
import { Pace } from './pace.ts'
import type { ObjectRecord } from './records.ts'
import { compareKeys, type ListedObject } from './side.ts'

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

const inOrder = <T extends { key: string }>(all: readonly T[]) =>
  [...all].sort((a, b) => compareKeys(a.key, b.key))

const owners = ['ann', 'bob', null]
const listed = fc.uniqueArray(
  fc.record({
    key: fc.string({ minLength: 1, maxLength: 3, unit: 'binary' }),
    owner: fc.constantFrom(...owners),
    version: fc.constantFrom('1', '2'),
    size: fc.constant(1),
  }),
  { selector: ({ key }) => key, maxLength: 30 },
)
const remembered = fc.func(
  fc.option(
    fc.record({ owner: fc.constantFrom(...owners), version: fc.constantFrom('1', '2', null) }),
  ),
)

it('two lists in order tell what is new, changed and gone, of the owners asked for', async () => {
  await fc.assert(
    fc.asyncProperty(listed, listed, remembered, async (now, before, rememberedOf) => {
      const records: ObjectRecord[] = [...now, ...before].flatMap(({ key }, i, all) => {
        const found = all.findIndex((one) => one.key === key) === i ? rememberedOf(key) : null
        if (!found) return []
        const versions = { source: found.version, target: 'x' }
        const bucket = bucketOf(found.owner)
        return [{ key, bucket, versions, size: 1, sha256: 'x', problem: null }]
      })
      const owned = BucketSet.all.minus(BucketSet.of([bucketOf('bob')]))
      const listing = each<ListedObject>(inOrder(now))
      const said: string[] = []
      for await (const one of differences('source', listing, each(inOrder(records)), owned)) {
        said.push(`${one.kind} ${one.key}`)
      }
      const byKey = new Map(records.map((record) => [record.key, record]))
      const copies = now.filter(({ key, owner, version }) => {
        const record = byKey.get(key)
        const same = record?.versions.source === version && record.bucket === bucketOf(owner)
        return owned.has(bucketOf(owner)) && !same
      })
      const listedNow = new Set(now.map(({ key }) => key))
      const gone = records.filter(({ key, bucket }) => owned.has(bucket) && !listedNow.has(key))
      expect(said.sort()).toEqual(
        [...copies.map(({ key }) => `copy ${key}`), ...gone.map(({ key }) => `gone ${key}`)].sort(),
      )
    }),
  )
})

it('a problem is looked at again after a while, and at once when the object changes', async () => {
  const record = (at: Date, version: string): ObjectRecord => ({
    ...{ key: 'a', bucket: bucketOf(null), size: 0, sha256: null },
    versions: { source: version, target: null },
    problem: { kind: 'missing', why: '', at },
  })
  const one: ListedObject = { key: 'a', owner: null, version: '1', size: 1 }
  const found = async (known: ObjectRecord) => {
    const all = []
    for await (const some of differences('source', each([one]), each([known]), BucketSet.all)) {
      all.push(some.kind)
    }
    return all
  }
  expect(await found(record(new Date(), '1'))).toEqual([])
  expect(await found(record(new Date(), '0'))).toEqual(['copy'])
  expect(await found(record(new Date(Date.now() - 31_000), '1'))).toEqual(['copy'])
})

it('lets as many bytes a second pass as it is told, also when that changes meanwhile', async () => {
  let [now, limit] = [0, 1_000]
  const pace = new Pace(() => limit, {
    now: () => now,
    sleep: async (ms) => {
      now += ms
    },
  })
  const { signal } = new AbortController()
  for (let i = 0; i < 100; i++) await pace.take(100, signal)
  // 10,000 bytes at 1,000 a second; the last part is paid for by whoever comes next.
  expect(now).toBeGreaterThan(9_500)
  expect(now).toBeLessThan(10_500)
  limit = 100_000
  const before = now
  for (let i = 0; i < 100; i++) await pace.take(1_000, signal)
  expect(now - before).toBeGreaterThan(700)
  expect(now - before).toBeLessThan(1_300)
  limit = Number.POSITIVE_INFINITY
  const then = now
  await pace.take(10 ** 12, signal)
  expect(now).toBe(then)
  limit = 0
  const stop = new AbortController()
  const still = new Pace(() => limit, {
    now: () => now,
    sleep: async (ms) => {
      now += ms
      if (now > then + 5_000) stop.abort(new Error('stopped'))
    },
  })
  await expect(still.take(1, stop.signal)).rejects.toThrow('stopped')
})
