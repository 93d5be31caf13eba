import { PartListRefused } from './refusal.ts'

/** A line of more characters than this is no part list's. */
const MAX_LINE = 65_536

export interface TextLine {
  readonly line: number
  readonly text: string
}

/** Lines of a text, those of each piece together, ended by LF, CRLF or CR. @throws PartListRefused UNSUPPORTED_FORMAT */
export async function* textLines(text: AsyncIterable<string>): AsyncGenerator<readonly TextLine[]> {
  let line = 0
  let rest = ''
  for await (const piece of text) {
    // A CR at the end may be half of a CRLF.
    const known = rest + piece
    const held = known.endsWith('\r') ? known.slice(0, -1) : known
    const parts = held.split(/\r\n|\n|\r/)
    rest = parts.pop()! + known.slice(held.length)
    yield parts.map((one) => ({ line: ++line, text: one }))
    if (rest.length > MAX_LINE) {
      const reason = `A line has more than ${MAX_LINE} characters: this is no part list`
      throw new PartListRefused('UNSUPPORTED_FORMAT', reason, line + 1)
    }
  }
  const end = rest.replace(/\r$/, '')
  if (end !== '') yield [{ line: ++line, text: end }]
}
