import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Board } from './board.ts'
import type { Reply, Side } from './case.ts'
import { type Request, readRequest, valuesOf } from './message.ts'

export interface SeenRequest extends Request {
  readonly to: Side
}

/** The run's own requests, which no case's reply is for. */
const OWN = /\/(after|fence)$/

/** What the upstreams received of one case. */
export class Received {
  reply: Reply | null = null
  /** Whole requests, in the order they were whole. */
  requests: SeenRequest[] = []
  /** What is no request for a reader that keeps to the standard. */
  malformed: string[] = []
  /** Targets of requests that ended with their connection. */
  cutOff: string[] = []

  /** For the next case. */
  forget(reply: Reply | null): void {
    this.reply = reply
    this.requests = []
    this.malformed = []
    this.cutOff = []
  }
}

/** A server that believes nothing: it notes what it really received, connection by connection. */
export class RecordingUpstream {
  readonly side: Side
  readonly received: Received
  readonly #board: Board
  readonly #server: Server
  readonly #connections = new Set<Connection>()

  private constructor(side: Side, received: Received, board: Board) {
    this.side = side
    this.received = received
    this.#board = board
    this.#server = createServer((socket) => {
      const connection = new Connection(socket, this)
      this.#connections.add(connection)
      socket.on('close', () => {
        this.#connections.delete(connection)
        board.changed()
      })
    })
  }

  static async start(side: Side, received: Received, board: Board): Promise<RecordingUpstream> {
    const upstream = new RecordingUpstream(side, received, board)
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Targets of requests that have begun and are not whole; '' while the head is not. */
  get begun(): string[] {
    return [...this.#connections].flatMap(({ begun }) => begun ?? [])
  }

  changed(): void {
    this.#board.changed()
  }

  async close(): Promise<void> {
    for (const { socket } of this.#connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

class Connection {
  readonly socket: Socket
  readonly #upstream: RecordingUpstream
  #rest = ''
  #joined = false
  #repliedEarly = false
  /** Target of the request that is not whole yet, '' while its head is not; null between requests. */
  begun: string | null = null

  constructor(socket: Socket, upstream: RecordingUpstream) {
    this.socket = socket
    this.#upstream = upstream
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.on('close', () => {
      if (this.begun !== null && !this.#repliedEarly) upstream.received.cutOff.push(this.begun)
      this.begun = null
    })
  }

  #read(chunk: string): void {
    if (this.#joined) return
    this.#rest += chunk
    while (this.#rest !== '' && !this.#joined) {
      const read = readRequest(this.#rest)
      if (read.is === 'malformed') {
        this.#upstream.received.malformed.push(read.why)
        this.begun = null
        this.socket.destroy()
        break
      }
      if (read.is === 'begun') {
        this.begun = read.head?.target ?? ''
        if (read.head) this.#replyEarly(read.head)
        break
      }
      this.#rest = this.#rest.slice(read.length)
      this.begun = null
      const { message } = read
      this.#upstream.received.requests.push({ ...message, to: this.#upstream.side })
      if (this.#repliedEarly) this.#repliedEarly = false
      else this.#write(this.#replyTo(message) ?? echo(message))
    }
    this.#upstream.changed()
  }

  #replyEarly(head: Pick<Request, 'target'>): void {
    const reply = this.#replyTo(head)
    if (!reply?.early || this.#repliedEarly) return
    this.#repliedEarly = true
    this.#write(reply)
  }

  /** The case's reply, for a request that is the case's. */
  #replyTo({ target }: Pick<Request, 'target'>): Reply | null {
    return OWN.test(target) ? null : this.#upstream.received.reply
  }

  #write({ bytes, close }: Reply): void {
    this.#joined = bytes.startsWith('HTTP/1.1 101 ')
    this.socket.write(bytes, 'latin1')
    if (close) this.socket.end()
  }
}

/** Tells the client which request it is the answer to. */
function echo({ method, target, headers }: Request): Reply {
  const body = `${method} ${target}`
  const wantsClose = valuesOf(headers, 'connection').some((value) => /close/i.test(value))
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n`
  return {
    bytes: `${head}\r\n${method === 'HEAD' ? '' : body}`,
    ...(wantsClose ? { close: true } : {}),
  }
}
