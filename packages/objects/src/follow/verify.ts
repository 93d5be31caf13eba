import type { BucketSet } from '@banyan/contracts'
import { atOnce } from './at-once.ts'
import { type Copying, hashOf } from './copy-object.ts'
import { otherThan } from './pass.ts'
import type { ObjectRecord, ObjectRecords } from './records.ts'
import { ObjectRefused, type ObjectSide, type SideName } from './side.ts'

/** Compared before what has changed meanwhile is looked at again. */
const BATCH = 200
const AT_ONCE = 4
const GIVE_UP_AFTER = 12
/** Objects that differ are listed so far; all are counted, and mended. */
const LISTED = 100

export interface VerifyOptions extends Copying {
  readonly sides: Readonly<Record<SideName, ObjectSide>>
  readonly records: ObjectRecords
  readonly from: SideName
  /** Buckets that are that side's own. */
  readonly owned: BucketSet
}

export interface DifferingObject {
  readonly key: string
  /** `missing`: the copy is not there; `changed`: it is another one; `unreadable`: what keeps it says so. */
  readonly kind: 'missing' | 'changed' | 'unreadable'
}

export interface ObjectsVerified {
  readonly compared: number
  /** Copied again since. */
  readonly differing: number
  /** The first of them. */
  readonly examples: readonly DifferingObject[]
}

export const NOTHING_VERIFIED: ObjectsVerified = { compared: 0, differing: 0, examples: [] }

/**
 * Reads the next copies, and holds each against the SHA-256 of what its owner's side had. One that differs
 * is not in step any more: the next pass copies it again. Not while a pass runs.
 *
 * @param after the key where the batch before ended
 * @returns with where the next one begins; null for the end
 * @throws what the side fails with
 */
export async function verifySome(
  options: VerifyOptions,
  after: string,
  before: ObjectsVerified,
): Promise<ObjectsVerified & { readonly next: string | null }> {
  const { records, owned, signal } = options
  const batch: ObjectRecord[] = []
  let next: string | null = null
  for await (const record of records.list(after, owned)) {
    if (record.sha256 !== null) batch.push(record)
    if (batch.length < BATCH) continue
    next = record.key
    break
  }
  const found: DifferingObject[] = []
  const limits = { most: AT_ONCE, giveUpAfter: GIVE_UP_AFTER }
  const failures = await atOnce(batch, limits, async (record) => {
    signal.throwIfAborted()
    const kind = await compare(options, record)
    if (kind === null) return
    found.push({ key: record.key, kind })
    await records.keep({ ...record, versions: { source: null, target: null } })
  })
  if (failures[0]) throw failures[0].error
  return {
    compared: before.compared + batch.length,
    differing: before.differing + found.length,
    examples: [...before.examples, ...found].slice(0, LISTED),
    next,
  }
}

async function compare(
  { sides, from, pace, signal }: VerifyOptions,
  { key, size, sha256 }: ObjectRecord,
): Promise<DifferingObject['kind'] | null> {
  try {
    const found = await sides[otherThan(from)].read(key)
    if (!found) return 'missing'
    await pace.take(size, signal)
    return (await hashOf(found, signal)) === sha256 ? null : 'changed'
  } catch (error) {
    // A stream tells of damage when it gets there.
    const damaged = (error as { code?: string }).code === 'OBJECT_UNREADABLE'
    if (damaged || error instanceof ObjectRefused) return 'unreadable'
    throw error
  }
}
