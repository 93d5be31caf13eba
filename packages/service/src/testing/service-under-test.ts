import {
  Bus,
  type EventDefinition,
  type NewEvent,
  openPostgresTransport,
  type ReceivedEvent,
} from '@banyan/bus'
import { openDurable } from '@banyan/durable'
import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import type { Api, ApiRoutes } from '../client/api.ts'
import { type Client, createClient } from '../client/client.ts'
import type { Tables } from '../database.ts'
import type { ServiceDefinition } from '../define.ts'
import type { Dependencies, NoDependencies } from '../dependencies.ts'
import { type RunningService, startService } from '../run.ts'
import { eventually, IDENTITY_KEY } from './requests.ts'

/** A service that runs within a test's process, on a PostgreSQL server of its own. */
export interface ServiceUnderTest<Config, T extends Tables, D extends Dependencies = NoDependencies>
  extends RunningService<Config, T, D> {
  /** Its databases are `service` and `bus`. */
  readonly server: EmbeddedPostgres
  /** Another's client of the service; closed when the service is stopped. */
  client<R extends ApiRoutes>(api: Api<R>): Client<R>
  /**
   * Hears, from now on, what the service says, as another service would: over the bus.
   *
   * @returns what was heard so far; it grows
   */
  hear<D extends EventDefinition>(definition: D): Promise<readonly ReceivedEvent<D>[]>
  /**
   * Says an event as another service would. Resolves when it has left for the bus.
   *
   * @param key of its order
   */
  say(event: NewEvent, key: string): Promise<void>
}

/**
 * Starts a service for a test, with all that it needs; it logs nothing if not told to.
 *
 * @param env its own settings, and whatever is to be other than usual
 */
export async function startForTest<
  Config,
  T extends Tables,
  D extends Dependencies = NoDependencies,
>(
  definition: ServiceDefinition<Config, T, D>,
  env: Readonly<Record<string, string>> = {},
): Promise<ServiceUnderTest<Config, T, D>> {
  const server = await EmbeddedPostgres.start()
  /** What is to be ended before the server, in the opposite order. */
  const opened: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (let end = opened.pop(); end; end = opened.pop()) await end()
    await server.stop()
  }
  try {
    const busUrl = await server.createDatabase('bus')
    const settings = {
      PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: await server.createDatabase('service'),
      BUS_URL: busUrl,
      BANYAN_IDENTITY_KEY: IDENTITY_KEY,
      ...env,
    }
    const service = await startService(definition, { env: settings })
    opened.push(() => service.stop())
    return {
      ...service,
      server,
      client(api) {
        const client = createClient(api, { baseUrl: service.url })
        opened.push(() => client.close())
        return client
      },
      async hear(event) {
        const { heard, stopHearing } = await listenTo(event, server, busUrl)
        opened.push(stopHearing)
        return heard
      },
      say: (event, key) => sayTo(event, key, server, busUrl),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A consumer with a database, and a name, of its own. */
async function listenTo<D extends EventDefinition>(
  event: D,
  server: EmbeddedPostgres,
  busUrl: string,
) {
  const heard: ReceivedEvent<D>[] = []
  const { name, bus, end } = await otherService(server, busUrl, [])
  bus.subscribe({
    consumer: name,
    events: [event],
    handler: async (one) => {
      heard.push(one)
    },
  })
  await bus.start()
  return { heard, stopHearing: end }
}

async function sayTo(event: NewEvent, key: string, server: EmbeddedPostgres, busUrl: string) {
  const { bus, pool, problems, end } = await otherService(server, busUrl, [event.definition])
  try {
    await bus.start()
    await bus.publish(pool, event, { key })
    await eventually('what was said has left', async () => {
      const { rowCount } = await pool.query('SELECT FROM durable.outbox')
      return rowCount === 0
    })
  } catch (error) {
    throw new AggregateError([error, ...problems], `${error}; on the way: ${problems.join('; ')}`)
  } finally {
    await end()
  }
}

/** A bus with a database of its own. */
async function otherService(
  server: EmbeddedPostgres,
  busUrl: string,
  publishes: readonly EventDefinition[],
) {
  const name = `other_${crypto.randomUUID()}`
  const pool = createPool(await server.createDatabase(name), { name, max: 5 })
  const durable = await openDurable(pool)
  const transport = await openPostgresTransport({ url: busUrl })
  const problems: Error[] = []
  const onProblem = (error: Error) => problems.push(error)
  const bus = new Bus({ source: 'other', durable, transport, publishes, onProblem })
  const end = async () => {
    await bus.stop()
    await durable.close()
    await pool.end()
  }
  return { name, bus, pool, problems, end }
}
