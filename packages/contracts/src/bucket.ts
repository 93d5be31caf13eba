import { createHash } from 'node:crypto'

/** How many buckets the owner keys of one extraction fall into. Fixed: it is part of every stored route table. */
export const BUCKETS = 1024

/**
 * The bucket of an owner key: the first 10 bits of SHA-256 of its text in UTF-8.
 * The SQL function `banyan.bucket(text)` computes the same; a test holds the two against each other.
 * A missing owner key (NULL) falls into the bucket of the empty string.
 */
export function bucketOf(ownerKey: string | null | undefined): number {
  const digest = createHash('sha256')
    .update(ownerKey ?? '', 'utf8')
    .digest()
  return (digest[0]! << 2) | (digest[1]! >> 6)
}

/** An immutable set of buckets. Travels as 256 hexadecimal digits, most significant bit = bucket 0. */
export class BucketSet {
  readonly #bits: Uint8Array

  private constructor(bits: Uint8Array) {
    this.#bits = bits
  }

  static readonly none = new BucketSet(new Uint8Array(BUCKETS / 8))
  static readonly all = new BucketSet(new Uint8Array(BUCKETS / 8).fill(0xff))

  static of(buckets: Iterable<number>): BucketSet {
    const bits = new Uint8Array(BUCKETS / 8)
    for (const bucket of buckets) {
      if (!Number.isInteger(bucket) || bucket < 0 || bucket >= BUCKETS) {
        throw new RangeError(`bucket ${bucket} is not one of 0 to ${BUCKETS - 1}`)
      }
      bits[bucket >> 3]! |= 0x80 >> (bucket & 7)
    }
    return new BucketSet(bits)
  }

  /** The first `percent` of all buckets (0 to 100): a larger share always contains a smaller one. */
  static share(percent: number): BucketSet {
    const count = Math.round((BUCKETS * percent) / 100)
    return BucketSet.of(Array.from({ length: count }, (_, bucket) => bucket))
  }

  static parse(hex: string): BucketSet {
    if (!/^[0-9a-f]{256}$/.test(hex)) {
      throw new RangeError(`a bucket set is ${BUCKETS / 4} hexadecimal digits, given ${hex.length}`)
    }
    return new BucketSet(Uint8Array.from(Buffer.from(hex, 'hex')))
  }

  has(bucket: number): boolean {
    return (this.#bits[bucket >> 3]! & (0x80 >> (bucket & 7))) !== 0
  }

  get size(): number {
    let size = 0
    for (const _ of this) size++
    return size
  }

  union(other: BucketSet): BucketSet {
    return new BucketSet(this.#bits.map((byte, i) => byte | other.#bits[i]!))
  }

  minus(other: BucketSet): BucketSet {
    return new BucketSet(this.#bits.map((byte, i) => byte & ~other.#bits[i]!))
  }

  intersects(other: BucketSet): boolean {
    return this.#bits.some((byte, i) => (byte & other.#bits[i]!) !== 0)
  }

  equals(other: BucketSet): boolean {
    return this.#bits.every((byte, i) => byte === other.#bits[i])
  }

  *[Symbol.iterator](): Generator<number> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) if (this.has(bucket)) yield bucket
  }

  toString(): string {
    return Buffer.from(this.#bits).toString('hex')
  }

  toJSON(): string {
    return this.toString()
  }
}
