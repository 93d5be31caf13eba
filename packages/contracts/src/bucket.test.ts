import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BUCKETS, BucketSet, bucketOf } from './bucket.ts'

const buckets = fc.uniqueArray(fc.integer({ min: 0, max: BUCKETS - 1 }))

describe('a bucket set', () => {
  it('travels as hexadecimal and comes back the same', () => {
    fc.assert(
      fc.property(buckets, (some) => {
        const set = BucketSet.of(some)
        expect([...BucketSet.parse(set.toString())]).toEqual([...some].sort((a, b) => a - b))
        expect(set.size).toBe(some.length)
      }),
    )
  })

  it('adds, subtracts and meets as sets do', () => {
    fc.assert(
      fc.property(buckets, buckets, (a, b) => {
        const [x, y] = [BucketSet.of(a), BucketSet.of(b)]
        expect(x.union(y).minus(y).intersects(y)).toBe(false)
        expect(x.minus(y).union(y).equals(x.union(y))).toBe(true)
      }),
    )
  })

  it('of a larger share contains that of a smaller one', () => {
    expect(BucketSet.share(10).minus(BucketSet.share(50)).size).toBe(0)
    expect(BucketSet.share(100).equals(BucketSet.all)).toBe(true)
    expect(BucketSet.share(1).size).toBe(10)
  })

  it('refuses what is no bucket and no set', () => {
    expect(() => BucketSet.of([1024])).toThrow('1024')
    expect(() => BucketSet.parse('ff')).toThrow('256 hexadecimal digits, given 2')
  })
})

describe('the bucket of an owner key', () => {
  it('spreads keys evenly', () => {
    const counts = new Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) counts[bucketOf(`user-${i}`) >> 6]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('is one bucket for rows without an owner', () => {
    expect(bucketOf(null)).toBe(bucketOf(''))
  })
})
