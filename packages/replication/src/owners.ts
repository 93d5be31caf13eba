import { bucketOf } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import type { SideName } from './side.ts'

/** The side that may write a bucket, and since which epoch: a bucket that went away and came back has another. */
export interface Owner {
  readonly side: SideName
  readonly epoch: string
}

/** Who may write which bucket, as both databases said at one moment. */
export class Owners {
  readonly #open: Readonly<Record<SideName, ReadonlyMap<number, string>>>

  private constructor(open: Readonly<Record<SideName, ReadonlyMap<number, string>>>) {
    this.#open = open
  }

  static async read(
    sides: Readonly<Record<SideName, Queryable>>,
    extraction: string,
  ): Promise<Owners> {
    const [source, target] = await Promise.all([
      openBuckets(sides.source, extraction),
      openBuckets(sides.target, extraction),
    ])
    return new Owners({ source, target })
  }

  /** Null while a handover is at work on the bucket. */
  of(bucket: number): Owner | null {
    const [source, target] = [this.#open.source.get(bucket), this.#open.target.get(bucket)]
    // Both: a handover came between the two looks.
    if ((source === undefined) === (target === undefined)) return null
    return source === undefined
      ? { side: 'target', epoch: target! }
      : { side: 'source', epoch: source }
  }

  /** The owner of a row by the owner key each side has for it (undefined: it has no such row). */
  ofRow(keys: Readonly<Record<SideName, string | null | undefined>>): Owner | null {
    return this.of(bucketOf(keys.source === undefined ? keys.target : keys.source))
  }
}

export function sameOwner(a: Owner | null | undefined, b: Owner | null | undefined): boolean {
  return a != null && b != null && a.side === b.side && a.epoch === b.epoch
}

async function openBuckets(db: Queryable, extraction: string): Promise<Map<number, string>> {
  const { rows } = await db.query<{ bucket: number; epoch: string }>(
    "SELECT bucket, epoch::text FROM banyan.ownership WHERE extraction = $1 AND state = 'open'",
    [extraction],
  )
  return new Map(rows.map((row) => [row.bucket, row.epoch]))
}
