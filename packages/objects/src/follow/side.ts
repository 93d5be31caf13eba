import type { Readable } from 'node:stream'
import type { BucketSet } from '@banyan/contracts'

/** One of the two places that objects are kept in step between. */
export type SideName = 'source' | 'target'

/** What should exist, as a side lists it. */
export interface ListedObject {
  readonly key: string
  /** Whose it is; null where nothing says so: those share one bucket. */
  readonly owner: string | null
  /** Another one whenever its content may have changed. */
  readonly version: string
  /** Bytes, as far as the listing knows; for figures alone. */
  readonly size: number
  /** Where the listing knows it better than what keeps the content. */
  readonly contentType?: string
}

export interface ReadObject {
  /** As the listing has it now; null where that follows the other side's by itself, as rows that are replicated do. */
  readonly version: string | null
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  /** Read to its end, or destroyed. */
  readonly stream: Readable
}

/** What goes with an object that is written. */
export interface Description {
  readonly owner: string | null
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
}

/** What the side will never take, or give: tried again when the object changes, and now and then. */
export class ObjectRefused extends Error {}

/**
 * Where objects are. What a method throws is taken for passing (a server that is away), but for an
 * ObjectRefused, which is of this one object.
 */
export interface ObjectSide {
  /** For people: `folder /var/uploads`. */
  readonly name: string
  /**
   * In the order of the keys' bytes, from the first one after `after`; `''` for all.
   *
   * @param of the buckets that are asked for. Others' objects may be left out where the key says whose it is,
   * and may not where its owner can become another: that would look as if it were gone.
   */
  list(after: string, of: BucketSet): AsyncIterable<ListedObject>
  /** null: there is no content. */
  read(key: string): Promise<ReadObject | null>
  /** There as a whole, or not at all, as where the content fails. */
  write(key: string, content: AsyncIterable<Uint8Array>, description: Description): Promise<void>
  /** Whether it was there or not. */
  delete(key: string): Promise<void>
  close(): Promise<void>
}

/** By their bytes in UTF-8: JavaScript's own order is another beyond the first 65,536 characters. */
export function compareKeys(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The owner that a segment of a key names, counted from 0; null where there is no such segment. */
export function ownerIn(key: string, segment: number | null): string | null {
  return segment === null ? null : (key.split('/').slice(0, -1)[segment] ?? null)
}
