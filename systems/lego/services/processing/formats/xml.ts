import { SaxesParser } from 'saxes'
import { PlainRecords } from './plain-records.ts'
import { PartListRefused } from './refusal.ts'
import { short } from './values.ts'

/** BrickStore's files are 5 deep. */
const MAX_DEPTH = 16
/** A tag, text or comment of more characters than this (and the piece that it ends in) is no part list's. */
const MAX_TOKEN = 65_536
/** Fields of one record; BrickStore's have some 40. */
const MAX_FIELDS = 200

/** One record: the texts of the elements in it. */
export interface XmlRecord {
  readonly line: number
  /** Text of each child element, by its name; empty where it has none. */
  readonly fields: ReadonlyMap<string, string>
}

/**
 * Reads the records of a list in XML, e.g. each `INVENTORY/ITEM`, as they come. Knows no entities but
 * the five of XML, reads no DTD, and holds no more than one record.
 *
 * @param paths where the records stand: names from the root on
 * @throws PartListRefused BAD_XML, XML_DTD, XML_TOO_DEEP, XML_TOKEN_TOO_LARGE
 */
export async function* xmlRecords(
  text: AsyncIterable<string>,
  paths: readonly (readonly string[])[],
): AsyncGenerator<readonly XmlRecord[]> {
  const reader = new RecordReader(paths)
  for await (const piece of text) {
    reader.write(piece)
    yield reader.take()
  }
  reader.end()
}

class RecordReader {
  readonly #parser = new SaxesParser({ position: true })
  readonly #paths: readonly string[]
  readonly #roots: readonly string[]
  readonly #open: string[] = []
  readonly #plain: PlainRecords
  /** Characters that the parser was given, and of them those up to the end of the last record. */
  #given = 0
  #recordEnd = -1
  /** Line breaks that it was not given. */
  #linesBeside = 0
  #records: XmlRecord[] = []
  #record: { line: number; fields: Map<string, string> } | null = null
  #text = ''
  /** Characters since the last token ended. */
  #pending = 0
  #rooted = false

  constructor(paths: readonly (readonly string[])[]) {
    this.#paths = paths.map((path) => path.join('/'))
    this.#roots = paths.map((path) => path[0]!)
    this.#plain = new PlainRecords(paths[0]!.at(-1)!)
    const parser = this.#parser
    parser.on('error', ({ message }) => {
      throw this.#refusal('BAD_XML', `Not valid XML: ${message.replace(/^[\d:]+ /, '')}`)
    })
    parser.on('doctype', (doctype) => {
      this.#pending = 0
      if (/^\s*[\w.:-]+\s*$/.test(doctype)) return
      throw this.#refusal('XML_DTD', 'A DTD (entities, external files) is not read; leave it out')
    })
    parser.on('opentag', ({ name }) => this.#opened(name))
    parser.on('closetag', ({ name }) => this.#closed(name))
    parser.on('text', (text) => this.#said(text))
    parser.on('cdata', (text) => this.#said(text))
    for (const other of ['comment', 'processinginstruction', 'xmldecl'] as const) {
      parser.on(other, () => {
        this.#pending = 0
      })
    }
  }

  write(piece: string): void {
    this.#pending += piece.length
    for (let at = 0; at < piece.length; ) {
      // Just behind a record that its end tag has ended, and with nothing begun: what follows may be read without it.
      if (this.#recordEnd === this.#given) at = this.#readPlain(piece, at)
      if (at === piece.length) break
      const next = this.#plain.endOfNext(piece, at)
      this.#given += next - at
      this.#parser.write(piece.slice(at, next))
      at = next
    }
    if (this.#pending <= MAX_TOKEN + piece.length) return
    throw this.#refusal(
      'XML_TOKEN_TOO_LARGE',
      `One tag, attribute or text has more than ${MAX_TOKEN} characters`,
    )
  }

  /** @returns where the records end that are plain */
  #readPlain(piece: string, from: number): number {
    let at = from
    for (;;) {
      const read = this.#plain.read(piece, at)
      if (read === null) return at
      const { fields, linesBefore, lines, end } = read
      this.#records.push({ line: this.#line + linesBefore, fields })
      this.#linesBeside += lines
      this.#pending = 0
      at = end
    }
  }

  get #line(): number {
    return this.#parser.line + this.#linesBeside
  }

  end(): void {
    this.#parser.close()
  }

  take(): XmlRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }

  #opened(name: string): void {
    this.#pending = 0
    if (!this.#rooted && !this.#roots.includes(name)) {
      const roots = this.#roots.join(' or ')
      throw this.#refusal('BAD_XML', `The root must be ${roots}, given ${short(name)}`)
    }
    this.#rooted = true
    this.#plain.know(name)
    if (this.#open.push(name) > MAX_DEPTH) {
      throw this.#refusal('XML_TOO_DEEP', `Elements are nested more than ${MAX_DEPTH} deep`)
    }
    this.#text = ''
    if (!this.#record && this.#paths.includes(this.#open.join('/'))) {
      this.#record = { line: this.#line, fields: new Map() }
    }
  }

  #closed(name: string): void {
    this.#pending = 0
    const depth = this.#open.length
    this.#open.pop()
    if (!this.#record) return
    const recordDepth = this.#open.length
    if (this.#paths.includes([...this.#open, name].join('/'))) {
      this.#records.push(this.#record)
      this.#record = null
      this.#recordEnd = this.#parser.position
    } else if (depth === recordDepth + 1 && this.#paths.includes(this.#open.join('/'))) {
      // Fields of fields are nobody's.
      if (this.#record.fields.size >= MAX_FIELDS) {
        throw this.#refusal('BAD_XML', `One record has more than ${MAX_FIELDS} fields`)
      }
      this.#record.fields.set(name, this.#text)
    }
    this.#text = ''
  }

  #said(text: string): void {
    this.#pending = 0
    if (this.#record) this.#text += text
  }

  #refusal(code: 'BAD_XML' | 'XML_DTD' | 'XML_TOO_DEEP' | 'XML_TOKEN_TOO_LARGE', reason: string) {
    return new PartListRefused(code, reason, this.#line)
  }
}
