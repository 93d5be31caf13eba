import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '@banyan/contracts'
import type { Pool, PoolClient } from '@banyan/postgres'
import pg from 'pg'
import { rootCause } from '../failures.ts'
import type { Log } from '../log.ts'

/** How long to wait before listening again, ms. */
const RETRY_MS = 500
/**
 * How often the connection is asked whether it is there, and how long it may take to say so, ms: over one that
 * swallows what it is given nothing is heard, and TCP alone would wait a quarter of an hour.
 */
const BEAT_MS = 5_000

export interface ChangesParts {
  readonly pool: Pool
  /** Its payloads are keys of what was changed or deleted; a trigger sends them (`pg_notify`). */
  readonly channel: string
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly changed: (key: string) => void
  /** 5,000 by default. */
  readonly beatMs?: number
}

/**
 * Hears which rows were changed, whoever did: another process, or replication. It has a connection of the pool to
 * itself, and makes it again when it breaks.
 *
 * Who begins to hear says so to all who hear, with the name of a new generation, and all go over to it. PostgreSQL
 * delivers notifications in one order to all, that of their commits (its page "NOTIFY"): so whoever knows a
 * generation has heard of every change since that began.
 */
export class Changes {
  readonly #parts: ChangesParts
  readonly #generations: string
  readonly #ended: Promise<void>
  #generation: string | null = null
  #stopped = false
  #lose = () => {}

  constructor(parts: ChangesParts) {
    this.#parts = parts
    this.#generations = `${parts.channel}_generation`
    this.#ended = this.#keepHearing()
  }

  /** Since when all changes were heard: a name that no other time has; null while they are not. */
  get generation(): string | null {
    return this.#generation
  }

  /** Something may have been kept that should not: all begin a new generation, this process within 5 s. */
  renew(): void {
    this.#generation = null
  }

  async close(): Promise<void> {
    this.#stopped = true
    this.#lose()
    await this.#ended
  }

  async #keepHearing(): Promise<void> {
    const { log, channel } = this.#parts
    let lost = false
    while (!this.#stopped) {
      const reason = await this.#hear(() => {
        if (lost) log.info({ channel }, 'changes are heard again')
        lost = false
      }).catch((error: Error) => rootCause(error).message)
      if (this.#stopped) return
      if (!lost) log.warn({ channel, reason }, 'changes are not heard; reads go past the cache')
      lost = true
      await delay(RETRY_MS)
    }
  }

  /** @returns why it hears no more */
  async #hear(began: () => void): Promise<string> {
    const client = await this.#parts.pool.connect()
    const ended = new Promise<string>((resolve) => {
      this.#lose = () => resolve('it was closed')
      client.once('error', (error) => resolve(error.message))
      client.once('end', () => resolve('the connection was closed'))
      if (this.#stopped) this.#lose()
    })
    client.on('notification', ({ channel, payload = '' }) => {
      if (channel === this.#generations) this.#generation = payload
      else this.#parts.changed(payload)
    })
    try {
      return await Promise.race([ended, this.#beat(client, began)])
    } finally {
      this.#generation = null
      client.removeAllListeners('notification')
      // A session that listens must not go back to the pool.
      client.release(true)
    }
  }

  /** Listens, then asks again and again whether the connection is there. @throws Error when it does not answer */
  async #beat(client: PoolClient, began: () => void): Promise<never> {
    const { channel, beatMs = BEAT_MS } = this.#parts
    const ask = async (statement: string, values: string[] = []) => {
      if (await within(beatMs, client.query(statement, values))) return
      throw new Error(`no answer within ${beatMs} ms`)
    }
    for (const name of [channel, this.#generations]) {
      await ask(`LISTEN ${pg.escapeIdentifier(name)}`)
    }
    for (;;) {
      if (this.#generation === null) {
        await ask('SELECT pg_notify($1, $2)', [this.#generations, randomUUID()])
        began()
      } else {
        await ask('SELECT 1')
      }
      await delay(beatMs, undefined, { ref: false })
    }
  }
}
