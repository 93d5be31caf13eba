import { connect as connectTls, type TLSSocket } from 'node:tls'
import { until } from '../testing.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const GOAWAY = 7
const CONTINUATION = 9
const END_STREAM = 1
const END_HEADERS = 4

/** Statuses that have an entry of their own in HPACK's static table (RFC 7541, appendix A). */
const STATUSES = [200, 204, 206, 304, 400, 404, 500]

type Verdict = number | 'other status' | 'reset' | 'ended'

/** A connection of HTTP/2 that sends what no client library would. */
export class SecondClient {
  readonly #socket: TLSSocket
  #received = Buffer.alloc(0)
  /** What came of each stream; the whole connection's end is under 0. */
  readonly verdicts = new Map<number, Verdict>()
  #next = 1

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('close', () => this.verdicts.set(0, 'ended'))
  }

  static async connect(port: number): Promise<SecondClient> {
    const options = { host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false }
    const socket = connectTls(options)
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject))
    const client = new SecondClient(socket)
    socket.write(PREFACE, 'latin1')
    client.frame(SETTINGS, 0, 0, Buffer.alloc(0))
    return client
  }

  /** Opens a stream with these fields, as they are. @returns its number */
  open(fields: readonly (readonly [string, string])[], body: string | null = null): number {
    const stream = this.#next
    this.#next += 2
    const block = Buffer.concat(fields.map(([name, value]) => literal(name, value)))
    const flags = END_HEADERS | (body === null ? END_STREAM : 0)
    this.frame(HEADERS, flags, stream, block)
    if (body !== null) this.frame(DATA, END_STREAM, stream, Buffer.from(body, 'latin1'))
    return stream
  }

  takeBack(stream: number): void {
    this.frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8]))
  }

  /** Header fields without an end, as often as wanted. */
  continueWith(stream: number, bytes: number): void {
    this.frame(CONTINUATION, 0, stream, literal('x-more', 'a'.repeat(bytes)))
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat([head, payload]))
  }

  async verdict(stream: number): Promise<Verdict> {
    return until(() => this.verdicts.get(stream) ?? this.verdicts.get(0))
  }

  leave(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      if (this.#received.length < 9) return
      const length = this.#received.readUIntBE(0, 3)
      if (this.#received.length < 9 + length) return
      const stream = this.#received.readUInt32BE(5)
      const payload = this.#received.subarray(9, 9 + length)
      const type = this.#received[3]
      if (type === GOAWAY) this.verdicts.set(0, 'ended')
      if (!this.verdicts.has(stream)) {
        if (type === RST_STREAM) this.verdicts.set(stream, 'reset')
        if (type === HEADERS) this.verdicts.set(stream, statusOf(payload))
      }
      this.#received = this.#received.subarray(9 + length)
    }
  }
}

function statusOf(block: Buffer): Verdict {
  // A change of the table's size may stand before it.
  const first = [...block].find((byte) => (byte & 0xe0) !== 0x20) ?? 0
  return STATUSES[first - 0x88] ?? 'other status'
}

/** A field as it is, in no table (RFC 7541, 6.2.2). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  const { length } = bytes
  if (length < 127) return Buffer.concat([Buffer.from([length]), bytes])
  const size = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) size.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...size, rest]), bytes])
}
