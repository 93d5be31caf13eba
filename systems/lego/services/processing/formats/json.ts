import { findColumns } from './columns.ts'
import { type Entries, type Entry, entryOf } from './entry.ts'
import type { TextLine } from './lines.ts'
import { PartListRefused } from './refusal.ts'
import { readRow } from './row.ts'
import { short } from './values.ts'

/** An entry of more characters than this is no part list's. */
const MAX_ENTRY = 65_536

/**
 * Pick a Brick's `[{"elementId": "300121", "quantity": 4}]`, and LEGO.com's orders: the first array of
 * objects in the file is the list. Reads one entry at a time.
 *
 * @throws PartListRefused BAD_JSON, MISSING_COLUMNS
 */
export async function* readJson(text: AsyncIterable<string>): Entries {
  const scan = new Scan()
  for await (const piece of text) {
    yield scan.read(piece).map(({ line, text: entry }) => readEntry(line, parse(entry, line)))
  }
  scan.end()
}

function readEntry(line: number, given: Record<string, unknown>): Entry {
  const columns = findColumns(Object.keys(given).map((name) => [name, name] as const))
  if (columns.size === 0) {
    throw new PartListRefused(
      'MISSING_COLUMNS',
      `An entry has elementId and quantity, given ${short(Object.keys(given).join(', '))}`,
      line,
    )
  }
  const cell = (name: string) => textOf(given[name])
  const options = { ids: 'rebrickable', colourNames: true } as const
  return entryOf(line, () => readRow(line, columns, cell, options))
}

function parse(entry: string, line: number): Record<string, unknown> {
  try {
    return JSON.parse(entry) as Record<string, unknown>
  } catch (error) {
    throw new PartListRefused('BAD_JSON', `Not valid JSON: ${(error as Error).message}`, line)
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/**
 * Finds the objects of the first array that has any. Follows brackets and quotes, no more: each object
 * is parsed by itself.
 */
class Scan {
  /** Brackets that are open: `[` or `{`. */
  readonly #open: string[] = []
  #quoted = false
  #escaped = false
  #line = 1
  /** How many brackets are open around an entry, once one was found. */
  #listDepth: number | null = null
  #ended = false
  #entry: { line: number; text: string } | null = null
  #seen = false

  end(): void {
    if (!this.#seen) throw new PartListRefused('EMPTY_FILE', 'The file is empty')
    if (this.#open.length > 0 || this.#quoted) throw this.#refusal('The file ends too early')
  }

  /** The objects that end in this piece. */
  read(piece: string): TextLine[] {
    const ended: TextLine[] = []
    let from = 0
    for (let at = 0; at < piece.length; at++) {
      const sign = piece[at]!
      if (sign === '\n') this.#line++
      if (this.#quoted) {
        if (this.#escaped) this.#escaped = false
        else if (sign === '\\') this.#escaped = true
        else if (sign === '"') this.#quoted = false
      } else if (sign === '"') this.#quoted = true
      else if (sign === '{' || sign === '[') {
        if (this.#begins(sign)) {
          this.#entry = { line: this.#line, text: '' }
          from = at
        }
        this.#open.push(sign)
        if (this.#open.length > 32) throw this.#refusal('Brackets are nested more than 32 deep')
      } else if (sign === '}' || sign === ']') {
        if (this.#open.pop() !== (sign === '}' ? '{' : '[')) {
          throw this.#refusal(`"${sign}" closes nothing`)
        }
        if (this.#entry && this.#open.length === this.#listDepth) {
          const text = this.#entry.text + piece.slice(from, at + 1)
          ended.push({ line: this.#entry.line, text: this.#bounded(text) })
          this.#entry = null
        } else if (this.#listDepth !== null && this.#open.length < this.#listDepth) {
          this.#ended = true
        }
      }
      if (sign.trim() !== '') this.#seen = true
    }
    if (this.#entry) this.#entry.text = this.#bounded(this.#entry.text + piece.slice(from))
    return ended
  }

  #bounded(text: string): string {
    if (text.length <= MAX_ENTRY) return text
    throw this.#refusal(`An entry has more than ${MAX_ENTRY} characters`)
  }

  /** Whether an entry begins here. */
  #begins(sign: string): boolean {
    if (sign !== '{' || this.#entry || this.#ended || this.#open.at(-1) !== '[') return false
    this.#listDepth ??= this.#open.length
    return this.#open.length === this.#listDepth
  }

  #refusal(reason: string): PartListRefused {
    return new PartListRefused('BAD_JSON', `Not valid JSON: ${reason}`, this.#line)
  }
}
