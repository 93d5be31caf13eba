/** Fields of a plain record, and names of fields that are known, at most. */
const MOST_FIELDS = 100
/** Beside what is no character of XML, what has a meaning of its own; line breaks and what is beyond 16 bits too. */
const NOT_PLAIN = /[^\x20-\uD7FF]|[&\]]/

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const LESS_THAN = 60

export interface PlainRecord {
  readonly fields: ReadonlyMap<string, string>
  /** Line breaks before its first tag. */
  readonly linesBefore: number
  /** And up to its end. */
  readonly lines: number
  /** Where it ends in the piece. */
  readonly end: number
}

/**
 * Reads records of XML as nearly all are: `<ITEM><ITEMID>3001</ITEMID> … </ITEM>`, with tags that have nothing but a name,
 * text without a meaning of its own in them, and blanks around them. It takes a tenth of the parser's time, which
 * reads character by character, and which is to read all others.
 */
export class PlainRecords {
  readonly #begin: string
  readonly #end: string
  /** Names that the parser has found to be names. */
  readonly #names = new Map<string, string>()

  /** @param name of a record's element */
  constructor(name: string) {
    this.#begin = `<${name}>`
    this.#end = `</${name}>`
  }

  /** The parser has read an element of this name. */
  know(name: string): void {
    if (this.#names.size < MOST_FIELDS) this.#names.set(name, `</${name}>`)
  }

  /** Where the record ends that the parser is to read, or the piece. */
  endOfNext(piece: string, from: number): number {
    const at = piece.indexOf(this.#end, from)
    return at < 0 ? piece.length : at + this.#end.length
  }

  /** The record that follows; null where it is not plain, or not all in the piece. */
  read(piece: string, from: number): PlainRecord | null {
    let lines = 0
    const blankEnd = (start: number): number => {
      for (let at = start; ; at++) {
        const code = piece.charCodeAt(at)
        if (code === LF) lines++
        else if (code !== SPACE && code !== TAB && !isLineBreak(piece, at, code)) return at
      }
    }
    let at = blankEnd(from)
    if (!piece.startsWith(this.#begin, at)) return null
    const linesBefore = lines
    const fields = new Map<string, string>()
    at = blankEnd(at + this.#begin.length)
    while (!piece.startsWith(this.#end, at)) {
      if (piece.charCodeAt(at) !== LESS_THAN || fields.size === MOST_FIELDS) return null
      const nameEnd = piece.indexOf('>', at)
      if (nameEnd < 0) return null
      const textAt = nameEnd + 1
      const name = piece.slice(at + 1, nameEnd)
      const endTag = this.#names.get(name)
      if (endTag === undefined) return null
      const textEnd = piece.indexOf('<', textAt)
      const text = piece.slice(textAt, textEnd)
      if (textEnd < 0 || !piece.startsWith(endTag, textEnd) || NOT_PLAIN.test(text)) return null
      fields.set(name, text)
      at = blankEnd(textEnd + endTag.length)
    }
    return { fields, linesBefore, lines, end: at + this.#end.length }
  }
}

/** Whether a CR is the first half of a CRLF: by itself it is a line break too, and left to the parser. */
function isLineBreak(piece: string, at: number, code: number): boolean {
  return code === CR && piece.charCodeAt(at + 1) === LF
}
