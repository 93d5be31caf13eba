import { atOnce } from './at-once.ts'
import { type Copying, copyObject } from './copy-object.ts'
import { type Difference, differences } from './differences.ts'
import type { ObjectProblem, ObjectRecord, ObjectRecords } from './records.ts'
import { ObjectRefused, type ObjectSide, type SideName } from './side.ts'

/** Differences held in memory; a listing that has to be sorted is asked anew for the next ones. */
const BATCH = 5_000
/** Objects copied at once. */
const AT_ONCE = 4
/** So many in a row fail for another reason than their own. */
const GIVE_UP_AFTER = 12
/** Fewer objects than this may all go away without being asked about. */
const FEW = 100

export interface PassOptions extends Copying {
  readonly sides: Readonly<Record<SideName, ObjectSide>>
  readonly records: ObjectRecords
  readonly from: SideName
  owns(bucket: number): boolean
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
  const { sides, records, from, owns, signal } = options
  let [copied, failed, why] = [0, 0, null as string | null]
  let goneInAll = 0
  const gone: ObjectRecord[] = []
  for (let after: string | null = ''; after !== null; ) {
    const batch: Difference[] = []
    const found = differences(from, sides[from].list(after), records.list(after), owns)
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
    const failures = await atOnce(copies, limits, async (one) => {
      if (await copyOne(options, one)) copied++
    })
    signal.throwIfAborted()
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

/** @returns whether it is the same on both sides now */
async function copyOne(
  options: PassOptions,
  { listed, bucket }: Extract<Difference, { kind: 'copy' }>,
): Promise<boolean> {
  const { sides, records, from } = options
  const to = otherThan(from)
  const { key, version } = listed
  const settle = (
    more: Pick<ObjectRecord, 'size' | 'sha256' | 'problem'>,
    written: string | null,
  ) =>
    records.keep({
      ...{ key, bucket, ...more },
      versions: { [from]: version, [to]: written } as Record<SideName, string | null>,
    })
  const problem = (kind: ObjectProblem['kind'], why: string) =>
    settle({ size: 0, sha256: null, problem: { kind, why, at: new Date() } }, null)
  options.signal.throwIfAborted()
  try {
    const copied = await copyObject(sides[from], sides[to], listed, options)
    if (!copied) {
      await problem('missing', `${sides[from].name} lists "${key}", and has no content for it`)
      return false
    }
    const { size, sha256 } = copied
    // A version that is the row's own comes to the other side with the row.
    await settle({ size, sha256, problem: null }, copied.version ?? version)
    options.onCopied?.(listed.size)
    return true
  } catch (error) {
    if (!(error instanceof ObjectRefused)) throw error
    await problem('refused', error.message)
    return false
  }
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
