import { CsvError, type Parser, parse } from 'csv-parse'
import { type CsvRow, PlainRows } from './plain-rows.ts'
import { PartListRefused } from './refusal.ts'

/** A row of more characters than this is no part list's. */
const MAX_ROW = 65_536
const DELIMITERS = [',', ';', '\t'] as const

/**
 * Reads rows, those of each piece together, empty ones left out.
 *
 * @throws PartListRefused BAD_CSV, EMPTY_FILE
 */
export async function* csvRows(text: AsyncIterable<string>): AsyncGenerator<readonly CsvRow[]> {
  const pieces = text[Symbol.asyncIterator]()
  const first = await firstLine(pieces)
  const delimiter = delimiterOf(first)
  const plain = new PlainRows(delimiter)
  let parser: Parser | null = null
  try {
    for await (const piece of restOf(first, pieces)) {
      let text = piece
      if (!parser) {
        yield plain.read(piece)
        if (!plain.left) continue
        parser = parserOf(delimiter, plain.left)
        text = plain.left.text
      }
      // Parsed before write returns; asking for one row after the other would take far longer.
      parser.write(text)
      yield taken(parser)
      if (parser.errored) throw parser.errored
    }
    if (!parser) {
      yield plain.end()
      if (!plain.left) return
      parser = parserOf(delimiter, plain.left)
      parser.write(plain.left.text)
    }
    parser.end()
    const rest: CsvRow[] = []
    for await (const row of parser as AsyncIterable<Parsed>) rest.push(rowOf(row))
    yield rest
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { lines } = error as CsvError & { lines?: number }
    throw new PartListRefused('BAD_CSV', `Not valid CSV: ${error.message}`, lines ?? null)
  } finally {
    parser?.destroy()
  }
}

/** What goes on where rows are no longer plain. */
function parserOf(delimiter: string, { line, lineBreak }: NonNullable<PlainRows['left']>): Parser {
  const parser = parse({
    delimiter,
    info: true,
    max_record_size: MAX_ROW,
    relax_column_count: true,
    skip_empty_lines: true,
    ...(lineBreak === undefined ? {} : { record_delimiter: lineBreak }),
  })
  // It counts on from there.
  Object.assign(parser.info, { lines: line })
  // Looked at after each piece.
  parser.on('error', () => {})
  return parser
}

function taken(parser: Parser): CsvRow[] {
  const rows: CsvRow[] = []
  for (;;) {
    const parsed = parser.read() as Parsed | null
    if (parsed === null) return rows
    rows.push(rowOf(parsed))
  }
}

function rowOf({ record, info }: Parsed): CsvRow {
  return { line: info.lines, cells: record }
}

interface Parsed {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

/** The delimiter that the first line has most of. */
function delimiterOf(text: string): string {
  const line = FIRST_LINE.exec(text)?.[1] ?? text
  const counts = DELIMITERS.map((one) => line.split(one).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!
}

/** Of what is not empty. */
const FIRST_LINE = /^\s*(\S[^\r\n]*)[\r\n]/

/** Pieces until one ends the first line, or it is too long to be one. */
async function firstLine(pieces: AsyncIterator<string>): Promise<string> {
  let text = ''
  while (text.length < MAX_ROW && !FIRST_LINE.test(text)) {
    const { done, value } = await pieces.next()
    if (done) break
    text += value
  }
  if (text.trim() === '') throw new PartListRefused('EMPTY_FILE', 'The file is empty')
  return text
}

async function* restOf(first: string, pieces: AsyncIterator<string>): AsyncGenerator<string> {
  try {
    yield first
    for (let piece = await pieces.next(); !piece.done; piece = await pieces.next()) {
      yield piece.value
    }
  } finally {
    await pieces.return?.()
  }
}
