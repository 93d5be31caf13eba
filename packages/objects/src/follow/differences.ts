import { type BucketSet, bucketOf } from '@banyan/contracts'
import type { ObjectRecord } from './records.ts'
import { compareKeys, type ListedObject, type SideName } from './side.ts'

/** An object is tried again so long after it was found to be a problem, ms. */
const TRY_AGAIN_MS = 30_000

/** What is to be done for the other side to have what the owner's has. */
export type Difference =
  | {
      readonly kind: 'copy'
      readonly key: string
      readonly listed: ListedObject
      readonly bucket: number
    }
  | { readonly kind: 'gone'; readonly key: string; readonly record: ObjectRecord }

/**
 * Holds what the owner's side lists against what is remembered; both in the order of their keys, so that
 * neither is ever in memory.
 *
 * @param owned buckets that are the side's own: others' objects are copies, and not looked at
 */
export async function* differences(
  from: SideName,
  listed: AsyncIterable<ListedObject>,
  records: AsyncIterable<ObjectRecord>,
  owned: BucketSet,
): AsyncGenerator<Difference> {
  const known = records[Symbol.asyncIterator]()
  try {
    let next = await known.next()
    for await (const one of listed) {
      while (!next.done && compareKeys(next.value.key, one.key) < 0) {
        yield* goneOf(next.value, owned)
        next = await known.next()
      }
      const bucket = bucketOf(one.owner)
      const record = !next.done && next.value.key === one.key ? next.value : null
      if (record) next = await known.next()
      if (
        owned.has(bucket) &&
        !(record?.bucket === bucket && isSettled(record, from, one.version))
      ) {
        yield { kind: 'copy', key: one.key, listed: one, bucket }
      }
    }
    for (; !next.done; next = await known.next()) yield* goneOf(next.value, owned)
  } finally {
    await known.return?.()
  }
}

function* goneOf(record: ObjectRecord, owned: BucketSet): Generator<Difference> {
  if (owned.has(record.bucket)) yield { kind: 'gone', key: record.key, record }
}

function isSettled(record: ObjectRecord, from: SideName, version: string): boolean {
  if (record.versions[from] !== version) return false
  return record.problem === null || Date.now() - record.problem.at.getTime() < TRY_AGAIN_MS
}
