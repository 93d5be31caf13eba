/** The first line and the fields of an answer. */
export interface AnswerHead {
  readonly status: number
  readonly reason: string
  /** Flat names and values, as they were spelled. */
  readonly fields: string[]
  /** Whether the connection may carry another request afterwards. */
  readonly keeps: boolean
  /** What `Keep-Alive: timeout` says, s; null when it says nothing. */
  readonly keepsSeconds: number | null
}

/** Takes what is read. */
export interface AnswerSink {
  head(head: AnswerHead): void
  data(chunk: Buffer): void
  /** @param trailers flat names and values. */
  whole(trailers: string[]): void
}

/** What an upstream sent is no answer, or one whose end cannot be told. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

/** A head, the trailers, or the line before a chunk, bytes: as much as of a request's head. */
const MOST_BYTES = 16 * 1024

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
/** Up to 2^52 bytes. Extensions mean nothing to anyone and are dropped (RFC 9112, 7.1.1). */
const CHUNK_LINE =
  /^([\da-fA-F]{1,13})(?:;[!#$%&'*+\-.^_`|~\dA-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*$/
const LENGTH = /^\d{1,15}$/

/**
 * What comes next: nothing, while no request waits for an answer; so many bytes of a body, or one that ends with its
 * connection; the CR LF behind a chunk.
 */
type Next =
  | 'nothing'
  | 'head'
  | 'body'
  | 'body to end'
  | 'chunk line'
  | 'chunk'
  | 'chunk end'
  | 'trailers'

/**
 * Reads the answers of one connection, by RFC 9112 to the letter: what it leaves to the reader (bare LF, folded fields,
 * spaces before a colon, two lengths, a length beside chunks) is refused, since the client behind the gateway might
 * read it otherwise. So is a tab where the end of the body is told: RFC 9110, 5.5 has it mean nothing, yet llhttp (Node,
 * Envoy) reads `chunked` with a tab behind it as a coding it does not know. Bounded: at most 16 KiB are kept of what is
 * not whole.
 */
export class AnswerParser {
  readonly #sink: AnswerSink
  #next: Next = 'nothing'
  /** The request's method: it decides whether there is a body. */
  #method = ''
  /** Bytes that are missing of a body or chunk. */
  #missing = 0
  /** What came of a head, a line or trailers that are not whole; null when nothing did. */
  #kept: string | null = null
  /** Where in the piece that is read to go on. */
  #at = 0

  constructor(sink: AnswerSink) {
    this.#sink = sink
  }

  /** The next answer is one to a request of this method. */
  expect(method: string): void {
    this.#next = 'head'
    this.#method = method
  }

  /** Reads no more. */
  stop(): void {
    this.#next = 'nothing'
  }

  /** @throws BadAnswer also when there is more than was expected. */
  read(chunk: Buffer): void {
    this.#at = 0
    while (this.#at < chunk.length) {
      switch (this.#next) {
        case 'nothing':
          throw new BadAnswer('There is more than the answer.')
        case 'head':
          this.#readHead(chunk)
          break
        case 'body':
          if (this.#readBody(chunk)) this.#end([])
          break
        case 'body to end':
          this.#give(chunk, this.#at, chunk.length)
          break
        case 'chunk line':
          this.#readChunkLine(chunk)
          break
        case 'chunk':
          if (this.#readBody(chunk)) {
            this.#next = 'chunk end'
            this.#missing = 2
          }
          break
        case 'chunk end':
          this.#readChunkEnd(chunk)
          break
        case 'trailers': {
          const text = this.#upTo(chunk, '\r\n\r\n')
          if (text !== null) this.#end(text === '' ? [] : fieldsOf(text.split('\r\n'), 1))
        }
      }
    }
  }

  /** The connection has ended. @returns whether the answer is whole by that. */
  finish(): boolean {
    if (this.#next !== 'body to end') return false
    this.#end([])
    return true
  }

  #readHead(chunk: Buffer): void {
    const text = this.#upTo(chunk, '\r\n\r\n')
    if (text === null) {
      // Not to wait for the end of what cannot be a head any more.
      if (!isBeginning(this.#kept!)) throw new BadAnswer('It is no answer of HTTP/1.')
      return
    }
    const lines = text.split('\r\n')
    const first = STATUS_LINE.exec(lines[0]!)
    if (!first) throw new BadAnswer('It is no answer of HTTP/1.')
    const [, minor, code, reason = ''] = first
    const status = Number(code)
    const fields = fieldsOf(lines, 1)
    if (status === 101) throw new BadAnswer('It switches protocols unasked.')
    const { length, chunked, close, keepAlive, keepsSeconds } = framingOf(fields, lines)
    // RFC 9110, 15.2: others of this kind may come at any time, and may be left out.
    if (status < 200) {
      if (minor === '0' || close || chunked || length !== null) {
        throw new BadAnswer('An answer on the way has an end of its own.')
      }
      return
    }
    if (chunked && minor === '0') throw new BadAnswer('HTTP/1.0 has no Transfer-Encoding.')
    const hasBody = this.#method !== 'HEAD' && status !== 204 && status !== 304
    const toEnd = hasBody && !chunked && length === null
    // RFC 9110, 15.3.5: one of 204 has no body, and whoever says that it has may send it.
    const doubtful = toEnd || (status === 204 && (chunked || (length ?? 0) > 0))
    const keeps = !doubtful && !close && (minor === '1' || keepAlive)
    this.#missing = length ?? 0
    this.#next = toEnd ? 'body to end' : chunked ? 'chunk line' : 'body'
    this.#sink.head({ status, reason, fields, keeps, keepsSeconds })
    if (this.#isStopped) {
      // By who was told; the rest is nobody's.
      this.#at = chunk.length
    } else if (!hasBody || this.#isEmpty) this.#end([])
  }

  get #isStopped(): boolean {
    return this.#next === 'nothing'
  }

  get #isEmpty(): boolean {
    return this.#next === 'body' && this.#missing === 0
  }

  #readChunkLine(chunk: Buffer): void {
    const line = this.#upTo(chunk, '\r\n')
    if (line === null) return
    const [, digits] = CHUNK_LINE.exec(line) ?? []
    if (digits === undefined) throw new BadAnswer('A chunk does not say how long it is.')
    this.#missing = Number.parseInt(digits, 16)
    if (this.#missing > 0) {
      this.#next = 'chunk'
      return
    }
    this.#next = 'trailers'
    // With the end of the line before, trailers end as a head does, also when there are none.
    this.#kept = '\r\n'
  }

  #readChunkEnd(chunk: Buffer): void {
    const wanted = this.#missing === 2 ? 0x0d : 0x0a
    if (chunk[this.#at++] !== wanted) throw new BadAnswer('A chunk is longer than it says.')
    if (--this.#missing === 0) this.#next = 'chunk line'
  }

  /** @returns whether all of it is there. */
  #readBody(chunk: Buffer): boolean {
    const end = Math.min(chunk.length, this.#at + this.#missing)
    this.#missing -= end - this.#at
    this.#give(chunk, this.#at, end)
    return this.#missing === 0 && !this.#isStopped
  }

  #give(chunk: Buffer, from: number, to: number): void {
    this.#at = to
    this.#sink.data(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to))
    if (this.#isStopped) this.#at = chunk.length
  }

  #end(trailers: string[]): void {
    this.#next = 'nothing'
    this.#sink.whole(trailers)
  }

  /** What stands before `end`, or null while that is not there. @throws BadAnswer when it is too long. */
  #upTo(chunk: Buffer, end: string): string | null {
    const kept = this.#kept ?? ''
    const from = this.#at
    if (kept === '') {
      const at = chunk.indexOf(end, from, 'latin1')
      if (at !== -1 && at - from <= MOST_BYTES) {
        this.#at = at + end.length
        return chunk.toString('latin1', from, at)
      }
    }
    const room = MOST_BYTES + end.length - kept.length
    const text = kept + chunk.toString('latin1', from, Math.min(chunk.length, from + room))
    const at = text.indexOf(end, Math.max(0, kept.length - end.length))
    if (at === -1) {
      if (text.length >= MOST_BYTES + end.length)
        throw new BadAnswer(`More than ${MOST_BYTES} bytes of a head.`)
      this.#kept = text
      this.#at = chunk.length
      return null
    }
    this.#kept = null
    this.#at = from + at + end.length - kept.length
    return text.slice(0, at)
  }
}

const BEGINNING = 'HTTP/1.'

function isBeginning(text: string): boolean {
  return BEGINNING.startsWith(text.slice(0, BEGINNING.length)) && !/[^\r]\n|[\r](?!\n|$)/.test(text)
}

/** Names and values, flat. @throws BadAnswer. */
function fieldsOf(lines: readonly string[], from: number): string[] {
  const fields: string[] = []
  for (let i = from; i < lines.length; i++) {
    const line = lines[i]!
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const value = trimmed(line, colon + 1)
    if (!NAME.test(name) || NO_VALUE.test(value)) throw new BadAnswer('A field is none.')
    fields.push(name, value)
  }
  return fields
}

/** Without spaces and tabs around it, and those alone. */
function trimmed(line: string, from: number): string {
  let end = line.length
  while (from < end && isBlank(line.charCodeAt(from))) from++
  while (end > from && isBlank(line.charCodeAt(end - 1))) end--
  return line.slice(from, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

interface Framing {
  /** Bytes; null when it is not said. */
  length: number | null
  chunked: boolean
  close: boolean
  keepAlive: boolean
  keepsSeconds: number | null
}

/**
 * @param lines of the head, which the fields were read from.
 * @throws BadAnswer when it can be read in two ways (RFC 9112, 6.3).
 */
function framingOf(fields: readonly string[], lines: readonly string[]): Framing {
  const framing: Framing = {
    length: null,
    chunked: false,
    close: false,
    keepAlive: false,
    keepsSeconds: null,
  }
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    // Most names have another length than any of these.
    if (name.length !== 10 && name.length !== 14 && name.length !== 17) continue
    const value = fields[i + 1]!
    switch (name.toLowerCase()) {
      case 'content-length':
        if (framing.length !== null) throw new BadAnswer('It has more than one Content-Length.')
        refuseTab(lines[i / 2 + 1]!)
        if (!LENGTH.test(value)) throw new BadAnswer('Its Content-Length is none.')
        framing.length = Number(value)
        break
      case 'transfer-encoding':
        refuseTab(lines[i / 2 + 1]!)
        if (framing.chunked || value.toLowerCase() !== 'chunked') {
          throw new BadAnswer('Its transfer coding is not known.')
        }
        framing.chunked = true
        break
      case 'connection': {
        const options = value.toLowerCase()
        framing.close ||= /(?:^|,)[\t ]*close[\t ]*(?:,|$)/.test(options)
        framing.keepAlive ||= /(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/.test(options)
        break
      }
      case 'keep-alive': {
        const [, seconds] = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(value) ?? []
        if (seconds !== undefined) framing.keepsSeconds = Number(seconds)
      }
    }
  }
  if (framing.chunked && framing.length !== null) {
    throw new BadAnswer('It has both Content-Length and Transfer-Encoding.')
  }
  return framing
}

/** @throws BadAnswer when what says where the body ends has one. */
function refuseTab(line: string): void {
  if (line.includes('\t')) throw new BadAnswer('A tab stands where it says how long it is.')
}
