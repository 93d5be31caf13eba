import { createHash } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'

/** Counts and hashes what passes, and lets no more through than is allowed. */
export class Measured {
  readonly #hash = createHash('sha256')
  readonly #maxBytes: number
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @throws BanyanError TOO_LARGE, before what is too much is passed on */
  async *through(content: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const parts = content instanceof Uint8Array ? [content] : content
    for await (const part of parts) {
      this.#size += part.length
      if (this.#size > this.#maxBytes) {
        throw new BanyanError('TOO_LARGE', { limitBytes: this.#maxBytes })
      }
      this.#hash.update(part)
      yield part
    }
  }

  /** When all has passed; asked once. */
  result(): { size: number; sha256: string } {
    return { size: this.#size, sha256: this.#hash.digest('hex') }
  }
}
