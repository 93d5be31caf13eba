/** A header as it stood on the wire. */
export type Header = readonly [name: string, value: string]

export interface Request {
  readonly method: string
  readonly target: string
  readonly headers: readonly Header[]
  readonly body: string
  readonly trailers: readonly Header[]
}

export interface Answer {
  readonly status: number
  readonly headers: readonly Header[]
  readonly body: string
  /** The connection ended before the answer did. */
  readonly cut: boolean
}

/** One message read from the front of what has arrived. */
export type Reading<T> =
  | { readonly is: 'whole'; readonly message: T; readonly length: number }
  /** More must come; `head` once the head is there. */
  | { readonly is: 'begun'; readonly head: Omit<T, 'body' | 'trailers' | 'cut'> | null }
  /** No reader that keeps to RFC 9112 may take this for a message. */
  | { readonly is: 'malformed'; readonly why: string }

type Body =
  | {
      readonly is: 'whole'
      readonly body: string
      readonly trailers: Header[]
      readonly end: number
    }
  | { readonly is: 'begun'; readonly body: string }
  | { readonly is: 'malformed'; readonly why: string }

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/1\.[01]$/
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const CHUNK = /^([0-9a-f]{1,12})((?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?)$/i

/**
 * Reads a request as a suspicious server does: what RFC 9112 allows a reader to mend or to guess (bare LF,
 * two framings, folded lines) is malformed here, since other readers guess otherwise.
 *
 * @param text bytes as latin1.
 */
export function readRequest(text: string): Reading<Request> {
  const head = readHead(text, REQUEST_LINE)
  if (head.is !== 'whole') return head.is === 'begun' ? { is: 'begun', head: null } : head
  const [, method = '', target = ''] = head.first
  const body = readBody(text, head.end, head.headers, () => 0)
  if (body.is === 'malformed') return body
  const known = { method, target, headers: head.headers }
  if (body.is === 'begun') return { is: 'begun', head: known }
  const { trailers } = body
  return { is: 'whole', message: { ...known, body: body.body, trailers }, length: body.end }
}

/**
 * Every answer in what a client received; those of 1xx are left out.
 *
 * @param text bytes as latin1.
 * @param over nothing more will come.
 * @param head the first answer is one to HEAD, and has no body.
 */
export function readAnswers(text: string, over: boolean, head: boolean): Answer[] | string {
  const answers: Answer[] = []
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at)
    const read = readHead(rest, STATUS_LINE)
    if (read.is === 'malformed') return read.why
    if (read.is === 'begun') {
      return over ? `a head that is not whole: ${JSON.stringify(rest.slice(0, 60))}` : answers
    }
    const status = Number(read.first[1])
    at += read.end
    if (status < 200 && status !== 101) continue
    const { headers } = read
    const bodiless =
      status === 101 || status === 204 || status === 304 || (head && answers.length === 0)
    const body: Body = bodiless
      ? { is: 'whole', body: '', trailers: [], end: read.end }
      : readBody(rest, read.end, headers, () => (over ? rest.length - read.end : -1))
    if (body.is === 'malformed') return body.why
    if (body.is === 'begun') {
      if (over) answers.push({ status, headers, body: body.body, cut: true })
      return answers
    }
    answers.push({ status, headers, body: body.body, cut: false })
    at += body.end - read.end
    // What follows is not HTTP any more.
    if (status === 101) return answers
  }
  return answers
}

/** Values of a header, whatever the case of its name. */
export function valuesOf(headers: readonly Header[], name: string): string[] {
  return headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value)
}

function readHead(text: string, firstLine: RegExp) {
  const whole = text.indexOf('\r\n\r\n')
  const lines = text.slice(0, whole === -1 ? undefined : whole).split('\r\n')
  if (whole === -1) {
    return /[\r\n\0]/.test(lines.join('').replace(/\r$/, ''))
      ? malformed('a head with a bare CR, LF or NUL', text)
      : ({ is: 'begun' } as const)
  }
  const first = firstLine.exec(lines[0]!)
  if (!first) return malformed('a first line that is none', lines[0]!)
  const headers: Header[] = []
  for (const line of lines.slice(1)) {
    const header = HEADER.exec(line)
    if (!header) return malformed('a header line that is none', line)
    headers.push([header[1]!, header[2]!])
  }
  return { is: 'whole', first, headers, end: whole + 4 } as const
}

/** @param undeclared length of a body that neither header declares; -1 while it is not known. */
function readBody(
  text: string,
  start: number,
  headers: readonly Header[],
  undeclared: () => number,
): Body {
  const codings = valuesOf(headers, 'transfer-encoding')
  const lengths = valuesOf(headers, 'content-length')
  if (codings.length > 0) {
    if (lengths.length > 0) return malformed('Content-Length beside Transfer-Encoding', text)
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked') {
      return malformed('a Transfer-Encoding that is not just "chunked"', codings.join(' | '))
    }
    return readChunks(text, start)
  }
  if (lengths.length > 1 || (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!))) {
    return malformed('a Content-Length that is not one number', lengths.join(' | '))
  }
  const length = lengths.length === 1 ? Number(lengths[0]) : undeclared()
  const end = start + length
  if (length === -1 || text.length < end) return { is: 'begun', body: text.slice(start) }
  return { is: 'whole', body: text.slice(start, end), trailers: [], end }
}

function readChunks(text: string, start: number): Body {
  let body = ''
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const line = text.slice(at, lineEnd === -1 ? undefined : lineEnd)
    if (lineEnd === -1 && line.length < 64 && !line.includes('\n')) return { is: 'begun', body }
    const chunk = CHUNK.exec(line)
    if (!chunk) return malformed('a chunk size that is none', line)
    const size = Number.parseInt(chunk[1]!, 16)
    if (size === 0) return readTrailers(text, at, body)
    const data = lineEnd + 2
    body += text.slice(data, data + size)
    if (text.length < data + size + 2) return { is: 'begun', body }
    if (text.slice(data + size, data + size + 2) !== '\r\n') {
      return malformed('a chunk that does not end where it said', text.slice(data))
    }
    at = data + size + 2
  }
}

function readTrailers(text: string, at: number, body: string): Body {
  const whole = text.indexOf('\r\n\r\n', at)
  if (whole === -1) return { is: 'begun', body }
  const trailers: Header[] = []
  for (const line of text.slice(at, whole).split('\r\n').slice(1)) {
    const header = HEADER.exec(line)
    if (!header) return malformed('a trailer that is none', line)
    trailers.push([header[1]!, header[2]!])
  }
  return { is: 'whole', body, trailers, end: whole + 4 }
}

function malformed(what: string, text: string) {
  return { is: 'malformed', why: `${what}: ${JSON.stringify(text.slice(0, 80))}` } as const
}
