/** A row of more characters is left to the parser, which bounds it. */
const LONGEST = 16_384

export interface CsvRow {
  /** 1-based, where it ends: a quoted field may hold line breaks. */
  readonly line: number
  readonly cells: readonly string[]
}

/**
 * Reads rows as nearly all are, line by line: whole fields in quotes, or none, and one kind of line break. It takes a
 * tenth of the parser's time, which reads byte by byte and knows all others: at the first of them this ends, and the
 * parser goes on.
 */
export class PlainRows {
  readonly #delimiter: string
  /** What ends the first line ends all. */
  #lineBreak: '\n' | '\r\n' | undefined
  #line = 1
  #rest = ''
  #ended = false

  constructor(delimiter: string) {
    this.#delimiter = delimiter
  }

  /** Where the parser goes on; null while rows are plain. */
  get left(): { readonly text: string; readonly line: number; readonly lineBreak?: string } | null {
    if (!this.#ended) return null
    const found = { text: this.#rest, line: this.#line }
    // Of the first line it may have been one within quotes.
    if (this.#lineBreak === undefined || this.#line === 1) return found
    return { ...found, lineBreak: this.#lineBreak }
  }

  /** The rows that this piece of the text ends, as far as they are plain. */
  read(piece: string): CsvRow[] {
    const text = this.#rest + piece
    const rows: CsvRow[] = []
    let at = 0
    this.#lineBreak ??= this.#lineBreakOf(text)
    while (this.#lineBreak !== undefined && !this.#ended) {
      const end = text.indexOf(this.#lineBreak, at)
      if (end < 0) break
      if (!this.#readLine(text.slice(at, end), rows)) break
      at = end + this.#lineBreak.length
    }
    this.#rest = text.slice(at)
    if (this.#rest.length > LONGEST) this.#ended = true
    return rows
  }

  /** The last row, where no line break ends it. */
  end(): CsvRow[] {
    const rows: CsvRow[] = []
    this.#readLine(this.#rest, rows)
    return rows
  }

  #readLine(line: string, rows: CsvRow[]): boolean {
    const cells = line.length > LONGEST ? null : cellsOf(line, this.#delimiter)
    if (cells === null) {
      this.#ended = true
      return false
    }
    if (line !== '') rows.push({ line: this.#line, cells })
    this.#line++
    return true
  }

  #lineBreakOf(text: string): '\n' | '\r\n' | undefined {
    const at = text.search(/[\r\n]/)
    if (at < 0 || (text[at] === '\r' && at + 1 === text.length)) return undefined
    if (text[at] === '\n') return '\n'
    if (text[at + 1] === '\n') return '\r\n'
    this.#ended = true
    return undefined
  }
}

/** null where the line is not plain: a quote within a field, one that is not closed, another line break. */
function cellsOf(line: string, delimiter: string): string[] | null {
  if (/[\r\n]/.test(line)) return null
  if (!line.includes('"')) return line.split(delimiter)
  const cells: string[] = []
  for (let at = 0; ; at++) {
    if (line[at] === '"') {
      const end = closingQuote(line, at)
      if (end < 0) return null
      cells.push(line.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
    } else {
      const next = line.indexOf(delimiter, at)
      const end = next < 0 ? line.length : next
      const cell = line.slice(at, end)
      if (cell.includes('"')) return null
      cells.push(cell)
      at = end
    }
    if (at === line.length) return cells
    if (line[at] !== delimiter) return null
  }
}

/** Of the quote that opens at a place; two together are one of the text. */
function closingQuote(line: string, opening: number): number {
  let at = line.indexOf('"', opening + 1)
  while (at >= 0 && line[at + 1] === '"') at = line.indexOf('"', at + 2)
  return at
}
