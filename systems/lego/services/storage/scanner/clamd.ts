import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Verdict, VirusScanner } from './virus-scanner.ts'

/** clamd is busy with a large archive for that long at most, ms. */
const SILENCE_MS = 60_000
const PART_BYTES = 64 * 1024

/**
 * ClamAV's daemon, over TCP or a unix socket (INSTREAM of its protocol,
 * https://docs.clamav.net/manual/Usage/ClamdProtocol.html). Its StreamMaxLength must not be less than
 * what may be uploaded, and AlertExceedsMax must be on: else it calls clean what it gave up on.
 */
export class ClamdScanner implements VirusScanner {
  readonly name = 'clamav'
  readonly #at: NetConnectOpts

  constructor(at: NetConnectOpts) {
    this.#at = at
  }

  async scan(content: AsyncIterable<Uint8Array>): Promise<Verdict> {
    return verdictOf(await this.#ask('INSTREAM', content))
  }

  async check(): Promise<void> {
    const answer = await this.#ask('PING')
    if (answer !== 'PONG') throw new Error(`clamd answers PING with "${answer}"`)
  }

  async #ask(command: string, content?: AsyncIterable<Uint8Array>): Promise<string> {
    const socket = connect(this.#at)
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy(new Error(`clamd says nothing for ${SILENCE_MS} ms`))
    })
    const answer = answerOf(socket)
    // Looked at once the content is sent; without this an early failure would be nobody's.
    answer.catch(() => {})
    try {
      await write(socket, Buffer.from(`z${command}\0`))
      if (content) await this.#send(socket, content, answer)
      return await answer
    } finally {
      socket.destroy()
    }
  }

  /** Each part with its length before it, an empty one at the end; stops when it has answered already. */
  async #send(
    socket: Socket,
    content: AsyncIterable<Uint8Array>,
    answer: Promise<string>,
  ): Promise<void> {
    let answered = false
    const noted = answer.then(
      () => (answered = true),
      () => (answered = true),
    )
    for await (const whole of content) {
      for (let from = 0; from < whole.length && !answered; from += PART_BYTES) {
        const part = whole.subarray(from, from + PART_BYTES)
        const length = Buffer.alloc(4)
        length.writeUInt32BE(part.length)
        await Promise.race([write(socket, Buffer.concat([length, part])).catch(() => noted), noted])
      }
      if (answered) return
    }
    await write(socket, Buffer.alloc(4)).catch(() => noted)
  }
}

function verdictOf(answer: string): Verdict {
  const [, finding] = /^stream: (.+) FOUND$/.exec(answer) ?? []
  if (answer === 'stream: OK') return { verdict: 'clean' }
  if (finding?.startsWith('Heuristics.Limits.Exceeded')) return { verdict: 'unscannable', finding }
  if (finding !== undefined) return { verdict: 'infected', finding }
  if (answer.includes('size limit exceeded')) {
    return { verdict: 'unscannable', finding: 'larger than its StreamMaxLength' }
  }
  throw new Error(`clamd answers "${answer.slice(0, 200)}"`)
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (part) => {
      text += part.toString()
      const end = text.indexOf('\0')
      if (end !== -1) resolve(text.slice(0, end))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('clamd closed the connection')))
  })
}
