import { connect, type Socket } from 'node:net'
import type { Board } from './board.ts'
import { type Case, get, type Step } from './case.ts'
import type { Gate } from './gate.ts'
import { type Answer, readAnswers, valuesOf } from './message.ts'
import type { Tokens } from './tokens.ts'
import type { Received, RecordingUpstream, SeenRequest } from './upstream.ts'

/** What came of a case at a gateway. */
export interface Observed {
  readonly requests: readonly SeenRequest[]
  readonly malformed: readonly string[]
  readonly cutOff: readonly string[]
  /** What the client received, or why that is no HTTP. */
  readonly answers: readonly Answer[] | string
  /** Another request followed on the same connection, where the gateway left it open. */
  readonly followed: boolean
  /** Neither an answer nor an end within the limit, or a request that an upstream waits for in vain. */
  readonly hangs: string | null
  /** What another client got right afterwards; its own answer is "GET /fence". */
  readonly fence: string
}

export interface Bed {
  readonly board: Board
  readonly upstreams: readonly RecordingUpstream[]
  /** By all upstreams. */
  readonly received: Received
  readonly tokens: Tokens
  /** How long anything is waited for, ms. */
  readonly limitMs: number
}

/**
 * Sends one case to a gateway. Two requests of the run's own follow, which a smuggled rest would meet: one
 * on the same connection, one on a new one, which the gateway gives a used upstream connection.
 */
export async function runCase(one: Case, gate: Gate, bed: Bed): Promise<Observed> {
  const { board, upstreams, received, limitMs } = bed
  received.forget(one.reply ?? null)
  const port = one.impatient ? gate.impatientPort : gate.port
  const client = await Client.connect(port, board, one.head ?? false)
  const token = (one.token ?? ((tokens: Tokens) => tokens.make()))(bed.tokens)
  const steps = [one.send]
    .flat()
    .map((step) => (typeof step === 'string' ? step.replaceAll('{token}', token) : step))
  let hangs = await take(steps, client, bed)
  let followed = false
  if (!client.left) {
    const expected = one.answers ?? 1
    const enough = () => client.closed || client.finished >= expected
    if (!(await board.until(enough, limitMs))) hangs ??= 'the client got neither answer nor end'
    if (client.switched) client.leave()
    else if (!client.closed && hangs === null) {
      followed = !client.toldToClose
      if (followed) client.send(get('/after', 'Connection: close'))
      const ended = await board.until(() => client.closed, limitMs)
      if (!ended) hangs = 'the connection was to be closed and was not'
    }
    client.leave()
  }
  const through = () => upstreams.every(({ begun }) => begun.length === 0)
  if (!(await board.until(through, limitMs))) hangs ??= 'an upstream waits for the rest'
  const fence = await Client.connect(port, board, false)
  fence.send(get('/fence', 'Connection: close'))
  await board.until(() => fence.closed, limitMs)
  fence.leave()
  const [fenced] = fence.answers
  return {
    requests: received.requests.filter(({ target }) => target !== '/fence'),
    malformed: received.malformed,
    cutOff: received.cutOff,
    answers: client.answers,
    followed,
    hangs,
    fence: typeof fenced === 'object' ? fenced.body : 'nothing',
  }
}

/** @returns what did not happen although it was waited for. */
async function take(steps: readonly Step[], client: Client, bed: Bed): Promise<string | null> {
  for (const step of steps) {
    if (typeof step === 'string') client.send(step)
    else if ('leave' in step) client.leave()
    else {
      const { wait } = step
      const check = () =>
        client.closed || (wait === 'answered' ? client.finished > 0 : bed.upstreams.some(has[wait]))
      if (!(await bed.board.until(check, bed.limitMs))) return `waited in vain: ${wait}`
    }
  }
  return null
}

const has = {
  'upstream has begun': ({ begun, received }: RecordingUpstream) =>
    begun.length + received.requests.length > 0,
  'upstream has the head': ({ begun, received }: RecordingUpstream) =>
    begun.some((target) => target !== '') || received.requests.length > 0,
}

class Client {
  readonly #socket: Socket
  readonly #head: boolean
  #received = ''
  closed = false
  /** By its own will. */
  left = false

  private constructor(socket: Socket, board: Board, head: boolean) {
    this.#socket = socket
    this.#head = head
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', (chunk: string) => {
      this.#received += chunk
      board.changed()
    })
    socket.on('close', () => {
      this.closed = true
      board.changed()
    })
  }

  static async connect(port: number, board: Board, head: boolean): Promise<Client> {
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Client(socket, board, head)
  }

  get answers(): Answer[] | string {
    return readAnswers(this.#received, this.closed, this.#head)
  }

  /** Answers that are whole. */
  get finished(): number {
    const { answers } = this
    return typeof answers === 'string' ? 1 : answers.length
  }

  get toldToClose(): boolean {
    const last = this.#last
    return !!last && valuesOf(last.headers, 'connection').some((value) => /close/i.test(value))
  }

  get switched(): boolean {
    return this.#last?.status === 101
  }

  get #last(): Answer | undefined {
    const { answers } = this
    return typeof answers === 'string' ? undefined : answers.at(-1)
  }

  send(bytes: string): void {
    if (!this.closed) this.#socket.write(bytes, 'latin1')
  }

  leave(): void {
    this.left = true
    this.#socket.destroy()
  }
}
