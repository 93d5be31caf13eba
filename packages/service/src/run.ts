import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { createContext, type ServiceContext } from './context.ts'
import { DatabaseHandle, type Tables } from './database.ts'
import type { App, ServiceDefinition } from './define.ts'
import { type Check, Health } from './health.ts'
import { createLog } from './log.ts'
import { Metrics, watchPool } from './metrics.ts'
import { readSettings, SettingsError } from './settings.ts'
import { traceStatements } from './tracing/sql.ts'
import { Tracing } from './tracing/tracing.ts'

/** What has not ended this long after SIGTERM is cut off, ms. */
const SHUTDOWN_MS = 30_000

/** A service that listens. */
export interface RunningService<Config, T extends Tables> {
  readonly url: string
  readonly port: number
  readonly app: App
  readonly context: ServiceContext<Config, T>
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
 * @throws SettingsError before anything is opened
 */
export async function startService<Config, T extends Tables>(
  definition: ServiceDefinition<Config, T>,
  { env = process.env, writeLog }: StartOptions = {},
): Promise<RunningService<Config, T>> {
  const { name } = definition
  const config = readSettings<Config>(
    {
      name,
      port: definition.port,
      stored: definition.database !== undefined,
      extra: definition.config,
    },
    env,
  )
  const log = createLog(name, config.LOG_LEVEL, writeLog)
  const metrics = new Metrics(name)
  const tracing = await Tracing.open(name, config.OTEL_EXPORTER_OTLP_ENDPOINT)
  const database = definition.database
    ? new DatabaseHandle<T>(name, config.DATABASE_URL!, definition.database)
    : null
  const checks: Check[] = []
  if (database) {
    checks.push({ name: 'database', required: true, check: () => database.check() })
    watchPool(metrics, database.pool)
    traceStatements(database.pool, tracing)
  }
  const health = new Health(checks)
  const context = createContext<Config, T>({ name, config, log, metrics }, database)
  try {
    await database?.migrate()
    const app = await createApp(definition, context, health, tracing)
    await app.listen({ port: config.PORT, host: config.HOST })
    const end = await definition.start?.(context)
    const { port } = app.server.address() as AddressInfo
    let stopping: Promise<void> | undefined
    const stop = async () => {
      health.stop()
      const deadline = setTimeout(() => app.server.closeAllConnections(), SHUTDOWN_MS)
      await new Promise((resolve) => setTimeout(resolve, config.DRAIN_DELAY_MS))
      await app.close()
      await end?.()
      await database?.close()
      await tracing.close()
      clearTimeout(deadline)
    }
    return {
      url: `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${port}`,
      port,
      app,
      context,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await database?.close()
    await tracing.close()
    throw error
  }
}

/**
 * A service's whole main program: starts it, says so in one line on stdout
 * (`{"event":"listening","port":9700}`), and ends in order on SIGTERM or SIGINT. Settings that are
 * not valid are named on stderr, and the process ends with code 1.
 */
export async function runService<Config, T extends Tables>(
  definition: ServiceDefinition<Config, T>,
): Promise<void> {
  let service: RunningService<Config, T>
  try {
    service = await startService(definition)
  } catch (error) {
    console.error(error instanceof SettingsError ? error.message : error)
    process.exit(1)
  }
  console.log(JSON.stringify({ event: 'listening', port: service.port }))
  const stop = () => {
    // Whatever hangs: an orchestrator would kill it then, and the log would not say why.
    setTimeout(() => {
      service.context.log.fatal(`not stopped within ${SHUTDOWN_MS} ms`)
      process.exit(1)
    }, SHUTDOWN_MS + 500).unref()
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        service.context.log.fatal({ reason: String(error) }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop)
}
