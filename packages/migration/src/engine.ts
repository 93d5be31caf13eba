import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { migrate, type Pool } from '@banyan/postgres'
import type { App } from '@banyan/service/http'
import type { Logger } from 'pino'
import type { Identify } from './callers.ts'
import { Gateways } from './gateways.ts'
import { Hub } from './hub.ts'
import { controlPool, Lease, sleep } from './lease.ts'
import { DeposedError, Ledger } from './ledger.ts'
import { type Plan, type ResolvedExtraction, resolveNotify, resolvePlan } from './plan.ts'
import { RepairDesk } from './repair-desk.ts'
import { publishServices } from './services.ts'
import { isAnswer } from './sides.ts'
import type { ControlStatus } from './status.ts'
import { Store } from './store.ts'
import { supervise } from './supervision.ts'
import { Notices, noticeTrouble } from './webhooks/notices.ts'

export interface EngineOptions {
  readonly log: Logger
  /** Shown in status; made of the host's name when left out. */
  readonly id?: string
  /** Over the plan's own port: several engines on one host. */
  readonly port?: number
  /** Where traces go (OTLP over HTTP); nowhere when left out. */
  readonly tracesUrl?: string | undefined
  /** How long it goes on, not ready, when it is closed, ms: until a load balancer has noticed; 0 by default. */
  readonly drainMs?: number
  /** Adds what browsers are shown beside the control API, and says who is signed in; nothing by default. */
  readonly console?: (parts: ConsoleParts) => Promise<Identify>
}

export interface ConsoleParts {
  readonly app: App
  /** Of the control database. */
  readonly control: Pool
  readonly plan: Plan
  readonly log: Logger
}

export interface RunningEngine {
  /** Base URL of the control API. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const SQL_FOLDER = fileURLToPath(new URL('../sql', import.meta.url))
const DEFAULT_PORT = 9090
/** How often an engine without the lease asks for it, and one that failed tries again, ms. */
const POLL_MS = 500
const RETRY_MS = 200

/**
 * Starts an engine and its control API. Several may run: one holds the lease and acts, the others
 * answer the API and take over within 10 s.
 *
 * Waits while the control database cannot be reached.
 *
 * @throws BAD_PLAN; what the control database answers when it refuses the engine.
 */
export async function startEngine(plan: Plan, options: EngineOptions): Promise<RunningEngine> {
  const plans = resolvePlan(plan)
  const { log } = options
  const id = options.id ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 4)}`
  const pool = controlPool(plan.control.databaseUrl, id)
  // Loaded where it is served: other commands know the client only.
  const [{ createControlApi }, { Metrics, Tracing, traceStatements, watchPool }, { watchHealth }] =
    await Promise.all([
      import('./control-api.ts'),
      import('@banyan/service/http'),
      import('./readiness.ts'),
    ])
  const tracing = await Tracing.open('engine', options.tracesUrl)
  // Before the first connection, or its statements would be in no trace.
  traceStatements(pool, tracing)
  const store = new Store(pool)
  await prepare(pool, store, plans, log)
  const ledger = new Ledger(pool)
  const repairs = new RepairDesk(pool)
  const gateways = new Gateways(pool, plan.control.token)
  const notices = new Notices({ pool, ledger, plans, notify: resolveNotify(plan), log })
  const hub = new Hub(plan.control.databaseUrl, ledger)
  const metrics = new Metrics('engine')
  watchPool(metrics, pool)
  const { health, close: closeHealth } = watchHealth(pool, plan)
  const api = await createControlApi({
    ...{ log, metrics, tracing, health },
    plan,
    store,
    ledger,
    repairs,
    gateways,
    hub,
    plans,
    console: options.console && ((app) => options.console!({ app, control: pool, plan, log })),
    engine: () => holder(pool, id),
    notices: () => noticeTrouble(pool),
  })
  const host = plan.control.host ?? '127.0.0.1'
  try {
    await api.listen({ host, port: options.port ?? plan.control.port ?? DEFAULT_PORT })
  } catch (error) {
    await Promise.all([pool.end(), closeHealth(), tracing.close()])
    throw error
  }
  hub.start()
  const { port } = api.server.address() as { port: number }

  const abort = new AbortController()
  const url = `http://${host}:${port}`
  const lease = new Lease(pool, id, url)
  const running = lead()

  /** Takes the lease whenever it is free, and drives every extraction while it is ours. */
  async function lead(): Promise<void> {
    while (!abort.signal.aborted) {
      const term = await lease.tryAcquire().catch(() => null)
      if (term === null) {
        await sleep(POLL_MS, abort.signal)
        continue
      }
      log.info({ engine: id, term: term.toString() }, 'acting')
      await act(term)
      await sleep(RETRY_MS, abort.signal)
    }
  }

  async function act(term: bigint): Promise<void> {
    const over = new AbortController()
    const signal = AbortSignal.any([abort.signal, over.signal])
    const { monolith } = plan
    const extractions = plans.map((one) =>
      supervise({
        plan: one,
        plans,
        monolith,
        control: pool,
        store,
        ledger,
        repairs,
        gateways,
        lease,
        term,
        log,
        signal,
      }),
    )
    const tasks = [publishServices(gateways, term, plan), notices.run(signal), ...extractions]
    // An extraction that fails is taken up anew on its own. What ends the term is the loss of the lease,
    // whoever notices it first: the next one begins with a higher token.
    try {
      await Promise.race([lease.keep(term, signal), ...tasks.map(untilFailure)])
    } catch (error) {
      const level = error instanceof DeposedError ? 'warn' : 'error'
      log[level]({ err: error, term: term.toString() }, 'this term is over')
    } finally {
      over.abort()
      await Promise.allSettled(tasks)
      if (abort.signal.aborted) await lease.release(term).catch(() => {})
    }
  }

  return {
    url,
    port,
    close: async () => {
      health.stop()
      await sleep(options.drainMs ?? 0)
      abort.abort()
      await running
      await api.close()
      await hub.close()
      await Promise.all([pool.end(), closeHealth()])
      await tracing.close()
    },
  }
}

/** Brings the control schema up to date; an engine that starts while its database does not yet, waits for it. */
async function prepare(
  pool: Pool,
  store: Store,
  plans: readonly ResolvedExtraction[],
  log: Logger,
): Promise<void> {
  for (;;) {
    try {
      await migrate(pool, 'banyan_control', SQL_FOLDER)
      return await store.declare(plans.map((one) => one.name))
    } catch (error) {
      // A wrong password, no such database: trying again helps nothing.
      if (isAnswer(error)) throw error
      log.warn({ err: error }, 'the control database cannot be reached; trying again')
      await sleep(POLL_MS)
    }
  }
}

/** Settles only when the task fails: one extraction at rest must not end the others' term. */
function untilFailure(task: Promise<void>): Promise<never> {
  return new Promise((_, reject) => task.catch(reject))
}

async function holder(pool: Pool, self: string): Promise<ControlStatus['engine']> {
  const { rows } = await pool.query<{
    holder: string | null
    url: string | null
    token: string
    current: boolean
  }>(
    'SELECT holder, url, token, expires_at > clock_timestamp() AS current FROM banyan_control.lease',
  )
  const { holder, url, token, current } = rows[0]!
  const active = current ? holder : null
  return {
    active,
    url: current ? url : null,
    token: Number(token),
    self,
    role: active === self ? 'leading' : 'standing by',
  }
}
