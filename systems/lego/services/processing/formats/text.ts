import { TextDecoder } from 'node:util'
import { PartListRefused } from './refusal.ts'
import { short } from './values.ts'

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const
export type Encoding = (typeof ENCODINGS)[number]

/** What XML declarations call them. Latin-1 is read as its superset, as browsers do. */
const NAMES: Readonly<Record<string, Encoding | 'utf-16'>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  ascii: 'utf-8',
  'utf-16': 'utf-16',
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
  'windows-1252': 'windows-1252',
  cp1252: 'windows-1252',
  'iso-8859-1': 'windows-1252',
  latin1: 'windows-1252',
}
/** Readers get no longer piece at once, bytes: between two of them others have their turn. */
const PIECE = 65_536
/** An XML declaration is within these bytes, or there is none. */
const HEAD = 200

/**
 * Decodes a file. A byte order mark says what it is in, then an XML declaration, then `declared`;
 * else it must be UTF-8: guessing would turn "Größe" into "GrÃ¶ÃŸe" for somebody.
 *
 * @throws PartListRefused BAD_ENCODING
 */
export async function* decodeText(
  source: AsyncIterable<Uint8Array>,
  declared?: Encoding,
): AsyncGenerator<string> {
  let decoder: TextDecoder | null = null
  let encoding: Encoding = 'utf-8'
  let lines = 1
  for await (const piece of piecesOf(source)) {
    if (!decoder) {
      encoding = encodingOf(piece, declared)
      decoder = new TextDecoder(encoding, { fatal: true })
    }
    const text = decode(decoder, piece, encoding, lines)
    if (text.includes('\0')) {
      throw new PartListRefused('BAD_ENCODING', 'It holds zero bytes: it is no text', lines)
    }
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
    if (text !== '') yield text
  }
  if (!decoder) throw new PartListRefused('EMPTY_FILE', 'The file is empty')
  const rest = decode(decoder, undefined, encoding, lines)
  if (rest !== '') yield rest
}

function decode(
  decoder: TextDecoder,
  piece: Uint8Array | undefined,
  given: Encoding,
  line: number,
) {
  try {
    return decoder.decode(piece, { stream: piece !== undefined })
  } catch {
    const reason = `It is not ${given}; save it as UTF-8, or say its encoding: ${ENCODINGS.join(', ')}`
    throw new PartListRefused('BAD_ENCODING', `At or after this line: ${reason}`, line)
  }
}

/** The first piece has at least `HEAD` bytes, if the file has; none is longer than `PIECE`. */
async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array(0)
  for await (const chunk of source) {
    let piece: Uint8Array = chunk
    if (head) {
      piece = Buffer.concat([head, chunk])
      head = piece.length < HEAD ? piece : null
      if (head) continue
    }
    for (let at = 0; at < piece.length; at += PIECE) yield piece.subarray(at, at + PIECE)
  }
  if (head && head.length > 0) yield head
}

function encodingOf(head: Uint8Array, declared: Encoding | undefined): Encoding {
  const marked = markOf(head)
  const named = namedIn(head, marked)
  if (marked && named && named !== marked && !(named === 'utf-16' && marked !== 'utf-8')) {
    throw new PartListRefused(
      'BAD_ENCODING',
      `Its byte order mark says ${marked}, its XML declaration ${named}`,
      1,
    )
  }
  if (marked) return marked
  if (named === 'utf-16') {
    throw new PartListRefused('BAD_ENCODING', 'It says utf-16, but has no byte order mark', 1)
  }
  return named ?? declared ?? 'utf-8'
}

function markOf([a, b, c]: Uint8Array): Encoding | null {
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8'
  if (a === 0xff && b === 0xfe) return 'utf-16le'
  if (a === 0xfe && b === 0xff) return 'utf-16be'
  return null
}

function namedIn(head: Uint8Array, marked: Encoding | null): Encoding | 'utf-16' | null {
  // Complete code units only, and the declaration is ASCII in each of them.
  const text = new TextDecoder(marked ?? 'windows-1252').decode(head.subarray(0, HEAD))
  const name = /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']/.exec(text)?.[1]
  if (name === undefined) return null
  const known = NAMES[name.toLowerCase()]
  if (known) return known
  throw new PartListRefused(
    'BAD_ENCODING',
    `It says it is in "${short(name)}"; ${ENCODINGS.join(', ')} are read`,
    1,
  )
}
