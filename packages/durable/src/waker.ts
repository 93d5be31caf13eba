import type { PoolClient } from '@banyan/postgres'
import pg from 'pg'
import type { Tables } from './tables.ts'

/** What runs: each has a row in `sleeper`. */
export type Topic = 'outbox' | 'inbox' | 'saga' | 'schedule'

const RECONNECT_MS = 500

/**
 * One connection of the pool that listens for all runners of a process. NOTIFY makes commits of the
 * whole server wait for each other, so writers send it only while a runner sleeps; a wake that is missed
 * costs the runner's poll interval, never a message.
 */
export class Waker {
  readonly #tables: Tables
  readonly #sleepers = new Map<Topic, Set<() => void>>()
  #client: PoolClient | undefined
  #connecting: Promise<void> | undefined
  #closed = false

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** Calls `wake` whenever somebody wrote work of this topic. @returns what ends it. */
  subscribe(topic: Topic, wake: () => void): () => void {
    const sleepers = this.#sleepers.get(topic) ?? new Set()
    this.#sleepers.set(topic, sleepers.add(wake))
    this.#listen()
    return () => {
      sleepers.delete(wake)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#connecting
    this.#drop()
  }

  #listen(): void {
    if (this.#client || this.#connecting || this.#closed) return
    this.#connecting = this.#connect()
      .catch(() => {
        setTimeout(() => this.#listen(), RECONNECT_MS).unref()
      })
      .finally(() => {
        this.#connecting = undefined
      })
  }

  async #connect(): Promise<void> {
    const client = await this.#tables.pool.connect()
    const lost = () => {
      if (this.#client !== client) return
      this.#drop()
      setTimeout(() => this.#listen(), RECONNECT_MS).unref()
    }
    client.once('error', lost)
    client.once('end', lost)
    client.on('notification', ({ payload }) => {
      for (const wake of this.#sleepers.get(payload as Topic) ?? []) wake()
    })
    this.#client = client
    try {
      await client.query(`LISTEN ${pg.escapeIdentifier(this.#tables.schema)}`)
    } catch (error) {
      this.#drop()
      throw error
    }
    // What was written while nobody listened.
    for (const sleepers of this.#sleepers.values()) for (const wake of sleepers) wake()
  }

  #drop(): void {
    const client = this.#client
    this.#client = undefined
    client?.removeAllListeners('notification')
    // A session that listens must not go back to the pool.
    client?.release(true)
  }
}

/** Selects a notification of the topic, if its runners sleep: the last part of a statement that writes work. */
export function wakeSql(tables: Tables, topic: Topic): string {
  return `SELECT pg_notify('${tables.schema}', '${topic}') FROM ${tables.prefix}sleeper WHERE topic = '${topic}' AND asleep`
}
