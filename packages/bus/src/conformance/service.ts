import { type Durable, type DurableOptions, openDurable } from '@banyan/durable'
import { createPool, type EmbeddedPostgres, type Pool, transaction } from '@banyan/postgres'
import { z } from 'zod'
import { Bus, type BusOptions } from '../bus.ts'
import { defineEvent, type EventDefinition } from '../events.ts'
import type { Opened } from './harness.ts'

/** A service with a database of its own, as the suite of the bus needs several. */
export class Service {
  readonly name: string
  readonly pool: Pool
  readonly durable: Durable
  readonly bus: Bus
  readonly problems: Error[] = []

  private constructor(name: string, pool: Pool, durable: Durable, options: ServiceOptions) {
    this.name = name
    this.pool = pool
    this.durable = durable
    this.bus = new Bus({
      source: name,
      durable,
      onProblem: (error) => this.problems.push(error),
      ...options,
    })
  }

  static async open(
    server: EmbeddedPostgres,
    opened: Opened,
    name: string,
    options: Omit<ServiceOptions, 'transport'> & Pick<DurableOptions, 'inbox'>,
  ): Promise<Service> {
    const { inbox = { retryDelaysMs: [20, 50] }, ...rest } = options
    const url = await server.createDatabase(name)
    const pool = createPool(url, { name, max: 10 })
    const durable = await openDurable(pool, { inbox })
    await pool.query('CREATE TABLE IF NOT EXISTS public.handled (n bigserial, key text, body text)')
    return new Service(name, pool, durable, { ...rest, transport: await opened.transport() })
  }

  publish(event: ReturnType<EventDefinition['of']>, key: string): Promise<void> {
    return transaction(this.pool, (tx) => this.bus.publish(tx, event, { key }))
  }

  /** What handlers wrote, in the order in which they did. */
  async handled(): Promise<{ key: string; body: string }[]> {
    const { rows } = await this.pool.query<{ key: string; body: string }>(
      'SELECT key, body FROM public.handled ORDER BY n',
    )
    return rows
  }

  async close(): Promise<void> {
    await this.bus.stop()
    await this.durable.close()
    await this.pool.end()
  }
}

type ServiceOptions = Omit<BusOptions, 'source' | 'durable' | 'onProblem'>

/** An event of a type that no other test uses. */
export function changedEvent(type: string) {
  return defineEvent({ type, version: 1, payload: z.object({ body: z.string() }) })
}
