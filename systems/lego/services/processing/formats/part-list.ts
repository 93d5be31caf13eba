import { readBrickLinkXml } from './bricklink-xml.ts'
import { readBrickStore } from './brickstore.ts'
import { readColumnCsv } from './column-csv.ts'
import type { ColumnMapping } from './columns.ts'
import { detectFormat, type Format, HEAD_BYTES } from './detect.ts'
import type { Entries, IdSystem } from './entry.ts'
import { readJson } from './json.ts'
import { readLdcadPbg } from './ldcad-pbg.ts'
import { PartListRefused } from './refusal.ts'
import { readStudioCsv } from './studio-csv.ts'
import { readStudioIo } from './studio-io.ts'
import { decodeText, type Encoding } from './text.ts'

export interface ReadOptions {
  /** Taken for what the content says when left out. */
  readonly format?: Format | undefined
  /** Of text without a byte order mark or an XML declaration that says so; UTF-8 when left out. */
  readonly encoding?: Encoding | undefined
  /** Of a custom CSV: the header that each field has. */
  readonly columns?: ColumnMapping | undefined
  /** Of a custom CSV: whose numbers it has; Rebrickable's when left out. */
  readonly ids?: IdSystem | undefined
  /** A file of more bytes than this is refused; 64 MiB when left out. */
  readonly maxBytes?: number | undefined
}

const MAX_BYTES = 64 * 1024 * 1024

type Source = AsyncIterable<Uint8Array>
type Reader = (source: Source, options: ReadOptions) => Entries

const text =
  (read: (text: AsyncIterable<string>) => Entries): Reader =>
  (source, { encoding }) =>
    read(decodeText(source, encoding))

const READERS: Readonly<Record<Format, Reader>> = {
  'bricklink-xml': text(readBrickLinkXml),
  brickstore: text(readBrickStore),
  'rebrickable-csv': text((csv) => readColumnCsv(csv, { colourNames: false })),
  'studio-csv': text(readStudioCsv),
  'studio-io': readStudioIo,
  'pick-a-brick-csv': text((csv) => readColumnCsv(csv, { colourNames: true })),
  'lego-json': text(readJson),
  'custom-csv': (source, { encoding, columns = {}, ids = 'rebrickable' }) =>
    readColumnCsv(decodeText(source, encoding), { columns, ids, colourNames: true }),
  'ldcad-pbg': text(readLdcadPbg),
}

export interface PartList {
  readonly format: Format
  /** Read as they are asked for; throws PartListRefused where the file cannot be read on. */
  readonly entries: Entries
}

/**
 * Opens a part list. It is read in pieces, and no more of it is held than one record (of an .io: the
 * packed file, and one entry for each distinct part).
 *
 * @throws PartListRefused UNSUPPORTED_FORMAT, EMPTY_FILE, FILE_TOO_LARGE, BAD_ENCODING
 */
export async function openPartList(source: Source, options: ReadOptions = {}): Promise<PartList> {
  const pieces = upTo(source, options.maxBytes ?? MAX_BYTES)
  const head = await headOf(pieces)
  const format = options.format ?? (await formatOf(head, options))
  return { format, entries: READERS[format](joined(head, pieces), options) }
}

async function formatOf(head: Uint8Array, { encoding, columns }: ReadOptions): Promise<Format> {
  return detectFormat(head, await textOf(head, encoding), columns !== undefined)
}

/** What of the head is text; a character that is cut at its end is left out. */
async function textOf(head: Uint8Array, encoding: Encoding | undefined): Promise<string> {
  let known = ''
  try {
    for await (const piece of decodeText(one(head), encoding)) known += piece
  } catch (error) {
    const zip = head[0] === 0x50 && head[1] === 0x4b
    if (error instanceof PartListRefused && known === '' && !zip) throw error
  }
  return known
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function headOf(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  while (size < HEAD_BYTES) {
    const { done, value } = await pieces.next()
    if (done) break
    chunks.push(value)
    size += value.length
  }
  if (size === 0) throw new PartListRefused('EMPTY_FILE', 'The file is empty')
  return Buffer.concat(chunks)
}

async function* joined(
  head: Uint8Array,
  pieces: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head
  yield* pieces
}

async function* upTo(source: Source, most: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const piece of source) {
    size += piece.length
    if (size > most) {
      throw new PartListRefused(
        'FILE_TOO_LARGE',
        `The file has more than the ${most} bytes allowed`,
      )
    }
    yield piece
  }
}
