import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import {
  type Durable,
  type DurableOptions,
  messageId,
  type OutgoingMessage,
  openDurable,
} from '../index.ts'
import { createEffects } from './effects.ts'

let databases = 0

/** A database of its own with durable tables and one business table, as a test sees them. */
export interface Store {
  readonly url: string
  readonly pool: Pool
  readonly durable: Durable
  /** Opens the same tables as another process would. */
  another(): Promise<Durable>
  close(): Promise<void>
}

export async function createStore(
  server: EmbeddedPostgres,
  options: DurableOptions = {},
): Promise<Store> {
  const url = await server.createDatabase(`durable_${process.pid}_${++databases}`)
  const opened: Durable[] = []
  const open = async () => {
    const durable = await openDurable(createPool(url, { name: 'durable test', max: 10 }), options)
    opened.push(durable)
    return durable
  }
  const durable = await open()
  await createEffects(durable.pool)
  return {
    url,
    pool: durable.pool,
    durable,
    another: open,
    close: async () => {
      for (const one of opened) {
        await one.close()
        await one.pool.end()
      }
    },
  }
}

/** The n-th message of a key. */
export function message(key: string, n: number, more: Partial<OutgoingMessage> = {}) {
  return {
    id: messageId(),
    type: 'parcel.moved',
    key,
    payload: { n },
    headers: {},
    occurredAt: new Date(0),
    ...more,
  } satisfies OutgoingMessage
}

/** Waits until the condition holds. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  ms = 30_000,
): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
