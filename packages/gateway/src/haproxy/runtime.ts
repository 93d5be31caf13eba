import { connect } from 'node:net'
import { join } from 'node:path'
import type { MapLine } from './maps.ts'

/** Longer, ms, and HAProxy counts as standing still. */
const ANSWER_MS = 1_000
/** Of one command with its lines, bytes: HAProxy reads it into one buffer. */
const COMMAND_BYTES = 12 * 1024

/** HAProxy's runtime API: one connection a command, over a socket that only its user may open. */
export class RuntimeApi {
  readonly #folder: string

  /** @param folder where `runtime.sock` and the maps lie. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * What HAProxy answers to one command.
   *
   * @throws Error when it does not answer within a second.
   */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(join(this.#folder, 'runtime.sock'))
      let answer = ''
      socket.setEncoding('utf8')
      socket.setTimeout(ANSWER_MS, () =>
        socket.destroy(new Error(`no answer within ${ANSWER_MS} ms`)),
      )
      socket.on('data', (text: string) => {
        answer += text
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(answer.trim()))
      socket.write(`${command}\n`)
    })
  }

  /**
   * Makes a map what is given, from one request to the next: none sees half of it.
   *
   * @throws Error with HAProxy's words when it refuses.
   */
  async replaceMap(name: string, lines: readonly MapLine[]): Promise<void> {
    const file = this.#map(name)
    const prepared = await this.ask(`prepare map ${file}`)
    const version = /^New version created: (\d+)$/.exec(prepared)?.[1]
    if (version === undefined) throw new Error(`prepare map ${file}: ${prepared}`)
    for (const text of batches(lines)) {
      await this.#do(`add map @${version} ${file} <<\n${text}`)
    }
    await this.#do(`commit map @${version} ${file}`)
  }

  /** @param value without spaces. @throws Error with HAProxy's words when it refuses. */
  async setInMap(name: string, key: string, value: string): Promise<void> {
    await this.#do(`set map ${this.#map(name)} ${key} ${value}`)
  }

  /** Ends every connection to a server. */
  async shutDown(server: string): Promise<void> {
    await this.#do(`shutdown sessions server ${server}`)
  }

  /** Commands that answer nothing when all is well. */
  async #do(command: string): Promise<void> {
    const answer = await this.ask(command)
    if (answer !== '') throw new Error(`${command.split('\n')[0]}: ${answer}`)
  }

  #map(name: string): string {
    return join(this.#folder, `${name}.map`)
  }
}

function* batches(lines: readonly MapLine[]): Generator<string> {
  let text = ''
  for (const [key, value] of lines) {
    const line = `${key} ${value}\n`
    if (Buffer.byteLength(text) + Buffer.byteLength(line) > COMMAND_BYTES && text !== '') {
      yield text
      text = ''
    }
    text += line
  }
  if (text !== '') yield text
}
