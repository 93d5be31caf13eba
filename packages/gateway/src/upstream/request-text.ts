import { BanyanError } from '@banyan/contracts'

/** A request whose body is there, or that has none. */
export interface WholeRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Flat names and values, without those of a connection. */
  readonly headers: readonly string[]
  /** More of them, by `fieldsText`: the gateway's own, which are the same for many requests. */
  readonly fields: string
  readonly body: Buffer | null
  /** Until the answer's head is there, ms. */
  readonly headersTimeout: number
  /** Between two pieces of its body, ms. */
  readonly bodyTimeout: number
}

/** Whose requests mean something by their body, and by its absence: they say that it is empty. */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Whether the connection must carry nothing behind it: servers were seen to send a body behind an answer to HEAD, and not
 * to read one of a request that needs none. It would be taken for the next answer, or request.
 */
export function isLastOfItsConnection({ method, body }: WholeRequest): boolean {
  return method === 'HEAD' || (body !== null && body.length > 0 && !WITH_BODY.has(method))
}

/**
 * First line and fields as they are sent.
 *
 * @param host for a request that names none.
 * @throws BanyanError BAD_REQUEST for what would not be read as it is meant.
 */
export function requestText(request: WholeRequest, host: string): string {
  const { method, path, headers, fields: more, body } = request
  if (NO_NAME.test(method)) throw bad('method', method)
  if (NO_PATH.test(path)) throw bad('path', path)
  let named: string | null = null
  let length: string | null = null
  let fields = ''
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    const special = specialOf(name, value)
    if (special === 'host') {
      if (named !== null) throw bad('second Host', value)
      named = value
    } else if (special === 'content-length') {
      if (length !== null) throw bad('second Content-Length', value)
      length = value
    } else fields += `${name}: ${value}\r\n`
  }
  const bytes = body?.length ?? 0
  // What it was said to have is what the gateway has read; else something is wrong here.
  if (length !== null && Number(length) !== bytes) throw bad('Content-Length', length)
  const says = isLastOfItsConnection(request) ? 'close' : 'keep-alive'
  const framing = bytes > 0 || WITH_BODY.has(method) ? `content-length: ${bytes}\r\n` : ''
  return `${method} ${path} HTTP/1.1\r\nhost: ${named ?? host}\r\nconnection: ${says}\r\n${fields}${more}${framing}\r\n`
}

/**
 * Fields as they are sent; none that a request has once, or that is a connection's.
 *
 * @param headers flat names and values.
 * @throws BanyanError BAD_REQUEST for what would not be read as it is meant.
 */
export function fieldsText(headers: readonly string[]): string {
  let fields = ''
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    if (specialOf(name, value) !== '') throw bad('header', name)
    fields += `${name}: ${value}\r\n`
  }
  // In one piece: what V8 has put together of pieces is gone through for each request that it is a part of.
  return Buffer.from(fields, 'latin1').toString('latin1')
}

/** Its name in lower case where it is `host` or `content-length`, empty for others. @throws BanyanError BAD_REQUEST */
function specialOf(name: string, value: string): string {
  if (name === '' || NO_NAME.test(name)) throw bad('header name', name)
  if (NO_VALUE.test(value)) throw bad(`value of "${name}"`, value)
  if (!LENGTHS.has(name.length)) return ''
  const special = name.toLowerCase()
  if (FRAMING.has(special)) throw bad('header of a connection', name)
  return ONCE.has(special) ? special : ''
}

const NO_NAME = /[^!#$%&'*+\-.^_`|~\dA-Za-z]/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const NO_PATH = /[^\x21-\x7e\x80-\xff]/
/** They are this client's own to say. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'expect',
])
const ONCE: ReadonlySet<string> = new Set(['host', 'content-length'])
const LENGTHS: ReadonlySet<number> = new Set([...ONCE, ...FRAMING].map(({ length }) => length))

function bad(what: string, given: string): BanyanError {
  const reason = `The ${what} cannot be sent on: ${JSON.stringify(given.slice(0, 100))}.`
  return new BanyanError('BAD_REQUEST', { reason })
}
