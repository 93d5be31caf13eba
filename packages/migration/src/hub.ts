import { EventEmitter } from 'node:events'
import pg from 'pg'
import { sleep } from './lease.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerEntry } from './status.ts'

/**
 * Tells whoever listens of each new ledger entry, whichever engine wrote it, a few milliseconds after
 * its commit. Built on LISTEN; entries written while the connection was away are caught up on.
 */
export class Hub extends EventEmitter<{ entry: [LedgerEntry] }> {
  readonly #url: string
  readonly #ledger: Ledger
  readonly #abort = new AbortController()
  #last = 0
  #reading: Promise<void> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  constructor(url: string, ledger: Ledger) {
    super()
    // Each open event stream is a listener.
    this.setMaxListeners(0)
    this.#url = url
    this.#ledger = ledger
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    let first = true
    while (!signal.aborted) {
      const client = new pg.Client({
        connectionString: this.#url,
        application_name: 'banyan control events',
      })
      const lost = new Promise<void>((resolve) => {
        client.on('error', () => resolve())
        client.on('end', () => resolve())
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      try {
        await client.connect()
        client.on('notification', () => this.#catchUp())
        await client.query('LISTEN banyan_ledger')
        if (first) await this.#skipToEnd(client)
        first = false
        this.#catchUp()
        await lost
      } catch {
        await sleep(500, signal)
      } finally {
        await client.end().catch(() => {})
      }
    }
  }

  async #skipToEnd(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ seq: number }>(
      'SELECT coalesce(max(seq), 0)::float8 AS seq FROM banyan_control.ledger',
    )
    this.#last = rows[0]!.seq
  }

  /** One after the other, so that entries are told in their order and once. */
  #catchUp(): void {
    this.#reading = this.#reading
      .then(async () => {
        for (const entry of await this.#ledger.read(null, this.#last)) {
          this.#last = entry.seq
          this.emit('entry', entry)
        }
      })
      .catch(() => {
        // The database is away; the reconnect reads on from the same entry.
      })
  }
}
