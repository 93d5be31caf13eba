import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'

export interface TrafficOptions {
  /** Requests under way at most; 1 by default. */
  readonly atOnce?: number
  /** Between an answer and the next request, ms; 100 by default. */
  readonly pauseMs?: number
  /** The body of each, as JSON, which makes them POSTs. */
  readonly body?: () => unknown
}

/** Clients that ask for one thing again and again, whatever they are answered. */
export class Traffic {
  readonly #pool: Pool
  readonly #clients: readonly Promise<void>[]
  #ended = false

  constructor(origin: string, path: string, options: TrafficOptions = {}) {
    const { atOnce = 1 } = options
    this.#pool = new Pool(origin, { connections: atOnce })
    this.#clients = Array.from({ length: atOnce }, () => this.#ask(path, options))
  }

  /** Breaks off what is under way. */
  async stop(): Promise<void> {
    this.#ended = true
    await this.#pool.destroy()
    await Promise.all(this.#clients)
  }

  async #ask(path: string, { pauseMs = 100, body }: TrafficOptions): Promise<void> {
    while (!this.#ended) {
      try {
        const answer = await this.#pool.request({
          path,
          ...(body
            ? {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify(body()),
              }
            : { method: 'GET' }),
        })
        await answer.body.dump()
      } catch {
        // Nobody there: its alert says so.
      }
      await delay(pauseMs)
    }
  }
}
