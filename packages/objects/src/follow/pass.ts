import type { BucketSet } from '@banyan/contracts'
import { atOnce } from './at-once.ts'
import { type Copying, copyObject } from './copy-object.ts'
import { type Difference, differences } from './differences.ts'
import type { ObjectProblem, ObjectRecord, ObjectRecords } from './records.ts'
import { compareKeys, ObjectRefused, type ObjectSide, type SideName } from './side.ts'

/** Differences held in memory; a listing that has to be sorted is asked anew for the next ones. */
const BATCH = 5_000
/** Objects copied at once. */
const AT_ONCE = 4
/** So many in a row fail for another reason than their own. */
const GIVE_UP_AFTER = 12
/** Fewer objects than this may all go away without being asked about. */
const FEW = 100

type Copy = Extract<Difference, { kind: 'copy' }>

export interface PassOptions extends Copying {
  readonly sides: Readonly<Record<SideName, ObjectSide>>
  readonly records: ObjectRecords
  readonly from: SideName
  /** Buckets that are that side's own. */
  readonly owned: BucketSet
  /** Share of all objects that may be gone from their owner at once; more is taken for a folder that is not there. */
  readonly mostGoneShare: number
  /** Told after each. */
  onCopied?(bytes: number): void
  onBatch?(differences: readonly Difference[]): void
}

export interface PassResult {
  readonly copied: number
  readonly deleted: number
  /** Of this look; tried again at the next one. */
  readonly failed: number
  /** Why the newest of these failed, or what was not done. */
  readonly why: string | null
}

/**
 * One look at everything: copies what is new or changed, and deletes what is gone, on the side that does not
 * own it. What is in step costs a line of both lists.
 */
export async function runPass(options: PassOptions): Promise<PassResult> {
  const { sides, records, from, owned, signal } = options
  let [copied, failed, why] = [0, 0, null as string | null]
  let goneInAll = 0
  const gone: ObjectRecord[] = []
  for (let after: string | null = ''; after !== null; ) {
    const batch: Difference[] = []
    const found = differences(
      from,
      sides[from].list(after, owned),
      records.list(after, owned),
      owned,
    )
    after = null
    for await (const one of found) {
      signal.throwIfAborted()
      batch.push(one)
      if (batch.length < BATCH) continue
      after = one.key
      break
    }
    options.onBatch?.(batch)
    const copies = batch.filter((one) => one.kind === 'copy')
    const went = batch.flatMap((one) => (one.kind === 'gone' ? [one.record] : []))
    goneInAll += went.length
    gone.push(...went.slice(0, BATCH - gone.length))
    const limits = { most: AT_ONCE, giveUpAfter: GIVE_UP_AFTER }
    const missing: Copy[] = []
    const failures = await atOnce(copies, limits, async (one) => {
      const found = await copyOne(options, one)
      if (found === 'copied') copied++
      if (found === 'missing') missing.push(one)
    })
    signal.throwIfAborted()
    for (const one of await stillListed(sides[from], owned, missing)) {
      const { key } = one.listed
      const reason = `${sides[from].name} lists "${key}", and has no content for it`
      await keepProblem(options, one, 'missing', reason)
    }
    failed += failures.length
    why = failures.at(-1)?.error.message ?? why
    if (failures.length >= GIVE_UP_AFTER) return { copied, deleted: 0, failed, why }
  }
  const left = goneInAll - gone.length
  if (goneInAll > FEW) {
    const { objects } = await records.totals()
    if (goneInAll > options.mostGoneShare * objects) {
      const refused = `${goneInAll} of ${objects} objects are gone from ${sides[from].name}: nothing is deleted (mostGoneShare is ${options.mostGoneShare})`
      return { copied, deleted: 0, failed: failed + goneInAll, why: refused }
    }
  }
  const limits = { most: AT_ONCE, giveUpAfter: GIVE_UP_AFTER }
  const failures = await atOnce(gone, limits, (record) => deleteOne(options, record))
  signal.throwIfAborted()
  return {
    copied,
    deleted: gone.length - failures.length,
    failed: failed + failures.length + left,
    why: failures.at(-1)?.error.message ?? why,
  }
}

async function copyOne(options: PassOptions, one: Copy): Promise<'copied' | 'missing' | 'refused'> {
  const { sides, records, from } = options
  const to = otherThan(from)
  const { listed, bucket } = one
  const { key, version } = listed
  options.signal.throwIfAborted()
  try {
    const copied = await copyObject(sides[from], sides[to], listed, options)
    if (!copied) return 'missing'
    const { size, sha256 } = copied
    // A version that is the row's own comes to the other side with the row.
    const written = copied.version ?? version
    await records.keep({
      ...{ key, bucket, size, sha256, problem: null },
      versions: { [from]: version, [to]: written } as Record<SideName, string | null>,
    })
    options.onCopied?.(listed.size)
    return 'copied'
  } catch (error) {
    if (!(error instanceof ObjectRefused)) throw error
    await keepProblem(options, one, 'refused', error.message)
    return 'refused'
  }
}

function keepProblem(
  { records, from }: PassOptions,
  { listed: { key, version }, bucket }: Copy,
  kind: ObjectProblem['kind'],
  why: string,
): Promise<void> {
  return records.keep({
    ...{ key, bucket, size: 0, sha256: null, problem: { kind, why, at: new Date() } },
    versions: { [from]: version, [otherThan(from)]: null } as Record<SideName, string | null>,
  })
}

/**
 * Those of them that are still listed: what was deleted between the listing and the read is nobody's loss, and the
 * next look finds it gone. One listing for all: where rows list, each is a sort of all of them.
 */
async function stillListed(
  side: ObjectSide,
  owned: BucketSet,
  missing: readonly Copy[],
): Promise<Copy[]> {
  const sorted = [...missing].sort((a, b) => compareKeys(a.key, b.key))
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (!first || !last) return []
  const wanted = new Map(sorted.map((one) => [one.key, one]))
  const found: Copy[] = []
  // Whatever a key begins with comes before it.
  for await (const { key } of side.list([...first.key].slice(0, -1).join(''), owned)) {
    if (compareKeys(key, last.key) > 0) break
    const one = wanted.get(key)
    if (one) found.push(one)
  }
  return found
}

async function deleteOne(options: PassOptions, { key }: ObjectRecord): Promise<void> {
  options.signal.throwIfAborted()
  await options.stillOurs()
  try {
    await options.sides[otherThan(options.from)].delete(key)
  } catch (error) {
    // It never took the object, or it would not be refused now.
    if (!(error instanceof ObjectRefused)) throw error
  }
  await options.records.forget(key)
}

export function otherThan(side: SideName): SideName {
  return side === 'source' ? 'target' : 'source'
}
