import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How a service that has begun to fail answers: without doing anything, though it did it, or not at all. */
export const FAULTS = ['refuses', 'does it and fails', 'hangs up'] as const
export type FaultKind = (typeof FAULTS)[number]

/** Stands between the gateways and a service, and passes everything on until it is to fail. */
export class Front {
  readonly url: string
  fault: FaultKind | null = null
  /** When the last request came, ms since the epoch. */
  lastRequestAt = 0
  requests = 0
  readonly #server
  readonly #agent = new Agent({ keepAlive: true })
  readonly #behind: URL

  private constructor(behind: string, server: ReturnType<typeof createServer>) {
    const { port } = server.address() as AddressInfo
    this.url = `http://127.0.0.1:${port}`
    this.#behind = new URL(behind)
    this.#server = server
    server.on('request', (incoming, answer) => this.#take(incoming, answer))
  }

  /** @param behind base URL of the service, which need not run yet. */
  static async before(behind: string): Promise<Front> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Front(behind, server)
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#agent.destroy()
  }

  #take(incoming: IncomingMessage, answer: ServerResponse): void {
    this.lastRequestAt = Date.now()
    this.requests++
    switch (this.fault) {
      case 'hangs up':
        incoming.socket.destroy()
        return
      case 'refuses':
        incoming.resume().on('end', () => answer.writeHead(500).end())
        return
      default:
        this.#pass(incoming, answer)
    }
  }

  #pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.#behind
    const { method = 'GET', url = '/', headers } = incoming
    const fails = this.fault === 'does it and fails'
    const passed = request({
      ...{ hostname, port, method, path: url, headers, agent: this.#agent },
    })
    passed.on('response', (given) => {
      if (fails) {
        given.resume().on('end', () => answer.writeHead(500).end())
        return
      }
      answer.writeHead(given.statusCode ?? 502, given.headers)
      given.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    // A gateway that gives up must be seen by the service as well.
    answer.on('close', () => passed.destroy())
    incoming.pipe(passed)
  }
}
