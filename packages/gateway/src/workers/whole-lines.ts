/** How much of a line that does not end is kept, characters. */
const LONGEST = 1024 * 1024

/**
 * Puts pieces of output together to whole lines. Several processes that write into one pipe write into each other's
 * lines, as soon as one writes more than 4,096 bytes at a time (POSIX, write, PIPE_BUF).
 */
export class WholeLines {
  readonly #write: (lines: string) => void
  #rest = ''

  constructor(write: (lines: string) => void) {
    this.#write = write
  }

  add(piece: string): void {
    const end = piece.lastIndexOf('\n') + 1
    if (end > 0) this.#write(this.#rest + piece.slice(0, end))
    this.#rest = end > 0 ? piece.slice(end) : this.#rest + piece
    if (this.#rest.length > LONGEST) this.end()
  }

  /** Whoever wrote is gone: its last line may have no end. */
  end(): void {
    if (this.#rest !== '') this.#write(`${this.#rest}\n`)
    this.#rest = ''
  }
}
