import type { Context } from '../context.ts'

/** Bytes that a process keeps at most; the oldest files go first. */
const MOST_BYTES = 64 * 1024 * 1024
/** Longer than a creation takes that nothing holds up, ms. */
const KEPT_MS = 60_000

/**
 * Files that this process has just written down. Whoever sends them on from here need not read them back, which costs
 * the database more than writing them did; what is not kept here stands there.
 */
export class StagedBytes {
  readonly #files = new Map<string, Buffer>()
  readonly #mostBytes: number
  #bytes = 0

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes
  }

  /** @param id of the file; its bytes are those that were committed. */
  keep(id: string, content: Buffer): void {
    this.#files.set(id, content)
    this.#bytes += content.length
    for (const oldest of this.#files.keys()) {
      if (this.#bytes <= this.#mostBytes) break
      this.forget(oldest)
    }
    setTimeout(() => this.forget(id), KEPT_MS).unref()
  }

  of(id: string): Buffer | undefined {
    return this.#files.get(id)
  }

  forget(id: string): void {
    this.#bytes -= this.#files.get(id)?.length ?? 0
    this.#files.delete(id)
  }
}

const all = new WeakMap<Context, StagedBytes>()

/** Those of a service that runs here. */
export function stagedBytes(context: Context): StagedBytes {
  const of = all.get(context) ?? new StagedBytes()
  all.set(context, of)
  return of
}
