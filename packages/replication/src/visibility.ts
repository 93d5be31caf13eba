/**
 * Which transactions a snapshot sees. A commit stands in the WAL, and is decoded, before it is
 * visible to others (with a synchronous standby, arbitrarily long before), so positions in the WAL
 * cannot tell what a chunk's snapshot already contains.
 */
export class Visibility {
  readonly xmin: bigint
  readonly xmax: bigint
  readonly #running: ReadonlySet<bigint>

  /** @param text the output of `pg_current_snapshot()`: `xmin:xmax:xip,xip…`. */
  constructor(text: string) {
    const [xmin, xmax, running] = text.split(':')
    this.xmin = BigInt(xmin!)
    this.xmax = BigInt(xmax!)
    this.#running = new Set(running ? running.split(',').map(BigInt) : [])
  }

  get running(): Iterable<bigint> {
    return this.#running
  }

  /** Whether the transaction with this 32-bit id, as the change stream names it, is visible. */
  sees(xid: number): boolean {
    return this.seesFull(this.widen(xid))
  }

  seesFull(xid: bigint): boolean {
    return xid < this.xmax && !this.#running.has(xid)
  }

  /** The 64-bit id nearest to the snapshot: no two live transactions are 2^31 apart. */
  widen(xid: number): bigint {
    const epoch = this.xmax >> 32n
    const full = (epoch << 32n) | BigInt(xid)
    if (full > this.xmax + 0x80000000n) return full - 0x100000000n
    if (full + 0x80000000n < this.xmax) return full + 0x100000000n
    return full
  }
}
