import { fileURLToPath } from 'node:url'
import { BanyanError } from '@banyan/contracts'
import { createPool, migrate, type Pool } from '@banyan/postgres'
import { checkSubscription } from '../check-subscription.ts'
import { OpenSubscriptions } from '../open-subscriptions.ts'
import type { Subscription, SubscriptionRequest, Transport, WireMessage } from '../transport.ts'
import { Listener } from './listener.ts'
import { Lookout } from './lookout.ts'
import { type Statements, statements } from './statements.ts'
import { PostgresSubscription } from './subscription.ts'

export interface PostgresTransportOptions {
  /** The database of the bus: any that all services reach. */
  readonly url: string
  /** Its schema; `bus` by default. */
  readonly schema?: string
  /** How long a member may be silent before the others take over what it held, ms; 10,000 by default. */
  readonly leaseMs?: number
  /** Connections at most, beside the one that listens; 5 by default. */
  readonly connections?: number
}

const MIGRATIONS = fileURLToPath(new URL('../../sql', import.meta.url))

/** A statement of ours takes milliseconds; one that is not answered for so long, ms, has lost its server. */
const ANSWER_TIMEOUT_MS = 20_000

/**
 * Opens the transport that needs nothing but PostgreSQL, and brings its schema up to date.
 *
 * @throws BanyanError BAD_BUS_SETTING for a schema's name that cannot be; what the server says.
 */
export async function openPostgresTransport(options: PostgresTransportOptions): Promise<Transport> {
  const schema = options.schema ?? 'bus'
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) {
    throw new BanyanError('BAD_BUS_SETTING', {
      reason: `schema is "${schema}"; allowed are 1 to 40 of a-z, 0-9 and _, no digit first`,
    })
  }
  const pool = createPool(options.url, {
    name: 'banyan bus',
    prepared: true,
    max: options.connections ?? 5,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  })
  try {
    await migrate(pool, schema, MIGRATIONS)
  } catch (error) {
    await pool.end()
    throw error
  }
  return new PostgresTransport(pool, options.url, schema, options.leaseMs ?? 10_000)
}

class PostgresTransport implements Transport {
  readonly name = 'postgres'
  readonly #pool: Pool
  readonly #sql: Statements
  readonly #channel: string
  readonly #leaseMs: number
  readonly #listener: Listener
  readonly #lookout: Lookout
  readonly #subscriptions = new OpenSubscriptions<PostgresSubscription>()
  readonly #publishing = new Set<Promise<unknown>>()
  #closing: Promise<void> | null = null

  constructor(pool: Pool, url: string, schema: string, leaseMs: number) {
    this.#pool = pool
    this.#sql = statements(schema)
    this.#channel = `banyan bus ${schema}`
    this.#leaseMs = leaseMs
    this.#listener = new Listener(url, this.#channel)
    this.#lookout = new Lookout(pool, this.#sql)
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    if (messages.length === 0) return
    const publishing = this.#pool.query(this.#sql.publish, [
      this.#channel,
      messages.map(({ id }) => id),
      messages.map(({ type }) => type),
      messages.map(({ key }) => key),
      messages.map(({ headers }) => JSON.stringify(headers)),
      messages.map(({ body }) => body),
    ])
    this.#publishing.add(publishing)
    try {
      await publishing
    } finally {
      this.#publishing.delete(publishing)
    }
  }

  async subscribe(
    request: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription> {
    checkSubscription(request)
    const { rows } = await this.#pool.query<{ id: number }>(this.#sql.createGroup, [
      request.group,
      request.types,
    ])
    const group = rows[0]!.id
    await this.#pool.query(this.#sql.createLanes, [group])
    const subscription = await PostgresSubscription.open({
      pool: this.#pool,
      sql: this.#sql,
      listener: this.#listener,
      lookout: this.#lookout,
      channel: this.#channel,
      group,
      leaseMs: this.#leaseMs,
      request,
      deliver,
    })
    return this.#subscriptions.add(subscription)
  }

  async backlog(group: string): Promise<number> {
    const { rows } = await this.#pool.query<{ waiting: number }>(this.#sql.backlog, [group])
    return rows[0]!.waiting
  }

  async check(): Promise<void> {
    await this.#pool.query('SELECT')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#subscriptions.close()
    await Promise.allSettled(this.#publishing)
    await this.#listener.close()
    await this.#pool.end()
  }
}
