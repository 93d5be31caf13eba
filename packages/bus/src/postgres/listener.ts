import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** How long to wait before connecting again, ms. */
const RETRY_MS = 250

/**
 * Hears the notifications of one channel on a connection of its own, which it makes again when it
 * breaks. What is said meanwhile is lost: listeners look at the tables now and then (claims for truth).
 */
export class Listener {
  readonly #url: string
  readonly #channel: string
  readonly #heard = new Set<(payload: string) => void>()
  #client: pg.Client | null = null
  #closed = false
  #connecting: Promise<void>

  constructor(url: string, channel: string) {
    this.#url = url
    this.#channel = channel
    this.#connecting = this.#connect()
  }

  /** Calls `heard` with each payload, and with '' after each time that the connection was made. */
  listen(heard: (payload: string) => void): () => void {
    this.#heard.add(heard)
    return () => this.#heard.delete(heard)
  }

  async close(): Promise<void> {
    this.#closed = true
    // `end` on a client that still connects may never resolve.
    await this.#connecting
    await this.#client?.end().catch(() => {})
  }

  async #connect(): Promise<void> {
    while (!this.#closed) {
      const client = new pg.Client({
        connectionString: this.#url,
        application_name: 'banyan bus listener',
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
      })
      client.on('error', () => {})
      try {
        this.#client = client
        await client.connect()
        await client.query(`LISTEN ${pg.escapeIdentifier(this.#channel)}`)
      } catch {
        await client.end().catch(() => {})
        await delay(RETRY_MS)
        continue
      }
      client.on('notification', ({ payload }) => this.#tell(payload ?? ''))
      client.once('end', () => {
        if (!this.#closed) this.#connecting = this.#connect()
      })
      this.#tell('')
      return
    }
  }

  #tell(payload: string): void {
    for (const heard of this.#heard) heard(payload)
  }
}
