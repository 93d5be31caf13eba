import type { WriteStream } from 'node:tty'

/**
 * A section at the foot of the terminal that is redrawn in place, with lines that stay above it.
 * Where there is no terminal, only the lines that stay are printed.
 */
export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #terminal: boolean
  #section: readonly string[] = []

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out
    this.#terminal = out.isTTY === true && process.env.TERM !== 'dumb'
  }

  get interactive(): boolean {
    return this.#terminal
  }

  /** Prints a line that stays. */
  line(text: string): void {
    const section = this.#section
    this.#erase()
    this.#out.write(`${text}\n`)
    if (section.length > 0) this.section(section)
  }

  /** Redraws the section. */
  section(lines: readonly string[]): void {
    if (!this.#terminal) return
    this.#erase()
    const width = (this.#out as WriteStream).columns || 100
    this.#out.write(lines.map((line) => `${line.slice(0, width - 1)}\n`).join(''))
    this.#section = lines
  }

  /** Takes the section away. */
  clear(): void {
    this.#erase()
  }

  #erase(): void {
    if (this.#section.length > 0) this.#out.write(`\x1b[${this.#section.length}A\x1b[0J`)
    this.#section = []
  }
}
