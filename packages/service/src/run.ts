import type { AddressInfo } from 'node:net'
import { INTERNAL_PREFIX } from '@banyan/contracts'
import { type Durable, openDurable } from '@banyan/durable'
import type { PoolClient } from '@banyan/postgres'
import { createApp } from './app.ts'
import { Background, type BackgroundWork } from './background.ts'
import { openCaches } from './cache/caches.ts'
import { createContext, type ServiceContext, transactionsOf } from './context.ts'
import { DatabaseHandle, type Tables } from './database.ts'
import { type App, type ServiceDefinition, usesBus, usesDurable } from './define.ts'
import {
  asksForToken,
  type Dependencies,
  isOptional,
  type NoDependencies,
  openDependencies,
  urlSetting,
} from './dependencies.ts'
import { ServiceEvents } from './events.ts'
import { giveWay, stepBack } from './give-way.ts'
import { type Check, Health } from './health.ts'
import { createLog } from './log.ts'
import { Metrics, watchPool } from './metrics.ts'
import { SettingsError } from './process-settings.ts'
import { readSettings, type Settings } from './settings.ts'
import { openCertified } from './tls/certified.ts'
import { SigningKey } from './tokens/service-key.ts'
import { ServiceTokens } from './tokens/service-tokens.ts'
import { traceStatements } from './tracing/sql.ts'
import { Tracing } from './tracing/tracing.ts'
import { openTransport } from './transport.ts'
import { UpstreamMetrics } from './upstream-metrics.ts'
import { whenThere } from './waiting-room.ts'

/** A process that has not ended this long after SIGTERM ends itself, ms. */
const SHUTDOWN_MS = 30_000
/** Requests that have not ended by then are cut off, so that the rest can end in order, ms. */
const REQUESTS_END_MS = 20_000

/** A service that listens. */
export interface RunningService<Config, T extends Tables, D extends Dependencies = NoDependencies> {
  readonly url: string
  readonly port: number
  readonly app: App
  readonly context: ServiceContext<Config, T, D>
  /** Not ready any more; then takes nothing new, finishes what it has, and closes. At most 30 s. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** The process's own by default. */
  readonly env?: NodeJS.ProcessEnv
  /** Where log lines go; stderr by default. */
  readonly writeLog?: (line: string) => void
}

/**
 * Starts a service within this process; tests use it. It listens when this resolves.
 *
 * @throws SettingsError before anything is opened; what the database or the bus says, everything closed
 */
export async function startService<Config, T extends Tables, D extends Dependencies>(
  definition: ServiceDefinition<Config, T, D>,
  { env = process.env, writeLog }: StartOptions = {},
): Promise<RunningService<Config, T, D>> {
  const { name, database: stored, dependencies } = definition
  const config = settingsOf(definition, env)
  const log = createLog(name, config.LOG_LEVEL, writeLog)
  const metrics = new Metrics(name)
  /** What was opened, to be closed in the opposite order. */
  const opened: (() => Promise<void>)[] = []
  const closeAll = async () => {
    for (let close = opened.pop(); close; close = opened.pop()) await close()
  }
  try {
    const tracing = await Tracing.open(name, config.OTEL_EXPORTER_OTLP_ENDPOINT)
    opened.push(() => tracing.close())
    const tls = await openCertified(name, config, log)
    if (tls) opened.push(async () => tls.files.close())
    const checks: Check[] = []
    const database = stored ? new DatabaseHandle<T>(name, config, stored) : null
    let durable: Durable | null = null
    if (database) {
      opened.push(() => database.close())
      watchPool(metrics, database.pool)
      traceStatements(database.pool, tracing)
      checks.push({ name: 'database', required: true, check: () => database.check() })
      const at = { port: config.PORT, host: config.HOST, tls }
      const wait = { what: 'database', forMs: config.START_WAIT_MS!, log, at }
      durable = await whenThere(async () => {
        await database.migrate()
        return usesDurable(definition) ? openDurableFor(database) : null
      }, wait)
    }
    if (durable) opened.push(durable.close)
    const caches = definition.cache
      ? await openCaches(config.CACHE_URL!, { service: name, log, metrics, pool: database?.pool })
      : null
    if (caches) {
      opened.push(() => caches.close())
      // Not required: requests are answered without it.
      checks.push({ name: 'cache', required: false, check: () => caches.check() })
    }
    const calls = openDependencies(dependencies, config, {
      tokens: await ownTokens(name, config),
      certificates: tls?.files ?? null,
      metrics: new UpstreamMetrics(metrics),
      tracing,
      log,
    })
    opened.push(calls.close)
    checks.push(...calls.checks)
    let events: ServiceEvents<T> | null = null
    if (durable && database && usesBus(definition)) {
      const transport = await openTransport(config.BUS_URL!, log)
      const kept = durable
      const publishes = definition.events ?? []
      // Asked for when an event comes: by then the events are there.
      const transactionOver = (client: PoolClient) =>
        transactionsOf<T>(name, { database, durable: kept, events })(client)
      const parts = { service: name, transactionOver, durable: kept, transport, publishes }
      const gatherMs = config.EVENT_GATHER_MS!
      events = new ServiceEvents<T>({ ...parts, gatherMs, log, metrics, tracing })
    }
    const context = createContext<Config, T, D>(
      { name, config, log, metrics, clients: calls.clients },
      { database, caches, durable, events },
    )
    if (events) {
      const own = events
      opened.push(() => own.stop())
      definition.reactions?.(own.hear, context)
      // Not required: what is said while it is away leaves when it is back.
      checks.push({ name: 'bus', required: false, check: () => own.check() })
    }
    const background = durable
      ? new Background(durable, backgroundOf(definition, context), { log, metrics, tracing })
      : null
    if (background) opened.push(() => background.stop())
    checks.push(...(definition.checks?.(context) ?? []))
    const health = new Health(checks)
    const app = await createApp(definition, context, { health, tracing, tls })
    opened.push(() => app.close())
    await app.listen({ port: config.PORT, host: config.HOST })
    events?.start()
    background?.start()
    const end = await definition.start?.(context)
    const address = app.server.address() as AddressInfo
    const stop = async () => {
      health.stop()
      const deadline = setTimeout(() => app.server.closeAllConnections(), REQUESTS_END_MS)
      await new Promise((resolve) => setTimeout(resolve, config.DRAIN_DELAY_MS))
      // Reactions and background work may go on while the last requests are answered.
      await opened.pop()!()
      await end?.()
      await closeAll()
      clearTimeout(deadline)
    }
    let stopping: Promise<void> | undefined
    return {
      url: `${tls ? 'https' : 'http'}://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${address.port}`,
      port: address.port,
      app,
      context,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

function settingsOf<Config, T extends Tables, D extends Dependencies>(
  definition: ServiceDefinition<Config, T, D>,
  env: NodeJS.ProcessEnv,
): Settings & Config {
  const { name, port, database, routes, config: extra } = definition
  const dependencies: Dependencies = definition.dependencies ?? {}
  const rules = {
    name,
    port,
    stored: database !== undefined,
    bused: usesBus(definition),
    cached: definition.cache === true,
    extra,
    verifies: Object.keys(routes).some((prefix) => prefix.startsWith(`${INTERNAL_PREFIX}/`)),
    signs: Object.entries(dependencies).some(
      ([name, given]) => asksForToken(given) && (!isOptional(given) || env[urlSetting(name)]),
    ),
    upstreams: Object.entries(dependencies).map(([name, given]) => ({
      setting: urlSetting(name),
      optional: isOptional(given),
    })),
  }
  return readSettings<Config>(rules, env)
}

/** What signs that it is this service which calls; null without a key. */
async function ownTokens(
  name: string,
  { BANYAN_SIGNING_KEY, BANYAN_SERVICE_ISSUER: issuer }: Settings,
): Promise<ServiceTokens | null> {
  if (BANYAN_SIGNING_KEY === undefined) return null
  const key = new SigningKey(BANYAN_SIGNING_KEY)
  await key.current().catch((error: Error) => {
    throw new SettingsError(name, [`BANYAN_SIGNING_KEY: ${error.message}`])
  })
  return new ServiceTokens({ name, issuer, key })
}

/** In a schema beside the service's own, whose names it must not take. */
function openDurableFor<T extends Tables>({ pool, schema }: DatabaseHandle<T>): Promise<Durable> {
  return openDurable(pool, { schema: `${schema}_durable` })
}

function backgroundOf<Config, T extends Tables, D extends Dependencies>(
  { sagas, schedules, jobs }: ServiceDefinition<Config, T, D>,
  context: ServiceContext<Config, T, D>,
): BackgroundWork {
  return {
    sagas: sagas?.(context) ?? [],
    schedules: schedules?.(context) ?? [],
    jobs: jobs?.(context) ?? [],
  }
}

/**
 * A service's whole main program: starts it, says so in one line on stdout
 * (`{"event":"listening","port":9700}`), and ends in order on SIGTERM or SIGINT. Settings that are
 * not valid are named on stderr, and the process ends with code 1.
 */
export async function runService<Config, T extends Tables, D extends Dependencies>(
  definition: ServiceDefinition<Config, T, D>,
): Promise<void> {
  let service: RunningService<Config, T, D>
  try {
    // Before anything is opened: threads have what the one has that began them.
    if (definition.givesWay) giveWay()
    else stepBack(settingsOf(definition, process.env).PROCESS_NICE)
    service = await startService(definition)
  } catch (error) {
    console.error(error instanceof SettingsError ? error.message : error)
    process.exit(1)
  }
  const stop = () => {
    // Whatever hangs: an orchestrator would kill it then, and the log would not say why.
    setTimeout(() => {
      service.context.log.fatal(`not stopped within ${SHUTDOWN_MS} ms`)
      process.exit(1)
    }, SHUTDOWN_MS).unref()
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        service.context.log.fatal({ reason: String(error) }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop)
  // Last: whoever reads it may send a signal at once.
  console.log(JSON.stringify({ event: 'listening', port: service.port }))
}
