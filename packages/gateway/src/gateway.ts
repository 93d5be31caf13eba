import { setFlagsFromString } from 'node:v8'
import type { GatewayStats, RouteTable } from '@banyan/contracts'
import { type AdminParts, createAdminServer } from './admin.ts'
import { createAuthenticator } from './authentication.ts'
import { AnswerCache } from './cache/answer-cache.ts'
import { type Family, textOf } from './exposition.ts'
import { Forwarder } from './forwarder.ts'
import { HoldQueue } from './hold-queue.ts'
import { Lease } from './lease.ts'
import { Limits } from './limits/limits.ts'
import { listenOn, portOf, urlOf } from './listening.ts'
import { openLogs } from './logs.ts'
import { metricsOf } from './metrics.ts'
import { Observation } from './observation.ts'
import { type GatewayOptions, settingsOf } from './options.ts'
import { PublicServer } from './public-server.ts'
import { parseRouteTable } from './route-table.ts'
import { Shadow } from './shadow.ts'
import { Tables } from './tables.ts'
import { Upstreams } from './upstreams.ts'
import type { Leave } from './workers/messages.ts'

export interface Gateway {
  /** Opens both listeners and, with a control plane, begins to register. Resolves once they listen. */
  listen(): Promise<void>
  /** Takes nothing new, finishes what is in flight (at most `timeouts.closeMs`), gives the lease back. */
  close(): Promise<void>
  /** Looks at once whether there is another certificate; without this, within 30 s. Not there without TLS of its own. */
  renewCertificate?(): Promise<void>
  /** Where clients connect, once it listens. */
  readonly publicPort: number
  /** Where the control plane connects, once it listens. */
  readonly adminPort: number
}

/** A gateway that serves in its own process. */
export interface OwnGateway extends Gateway {
  /** Idle connections and streams end at once, unless `leave` gives them time. */
  close(leave?: Leave): Promise<void>
  /** How others reach it, once it listens. */
  readonly publicUrl: string
  /** What `GET /metrics` and `GET /health` of the admin listener tell. */
  metrics(): Promise<Family[]>
  health(): ReturnType<AdminParts['health']>
}

const AT_ONCE: Leave = { idleMs: 0, streamMs: 0 }
/** A gateway with `tableFirst` gives up waiting for the control plane after so many `timeouts.firstTableMs`. */
const FIRST_TABLE_TIMES = 5

/**
 * V8 begins to make what many requests were seen to need as if it would grow old, after one moment of high load, and
 * never looks again: a third of what requests allocate then lives until the next full collection, and the
 * collector takes a fifth of the gateway's CPU (decision 085). It is for the whole process: a gateway has its own.
 */
function keepRequestsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/** @throws Error that names the option that is not valid. */
export function createGateway(options: GatewayOptions): OwnGateway {
  keepRequestsYoung()
  const settings = settingsOf(options)
  const { now, control, timeouts } = settings
  const logs = openLogs(settings)
  const { log } = logs
  const upstreams = new Upstreams({
    connections: settings.upstreamConnections,
    connectMs: timeouts.connectMs,
    breaker: settings.breaker,
    retries: settings.retries,
    now,
    onChange: (side, state) => log.warn({ side, state }, 'the breaker of a side changed'),
  })
  const queue = new HoldQueue(settings.hold, now)
  const cache = settings.cache && new AnswerCache({ ...settings.cache, now })
  const tables = new Tables(upstreams, (compiled) => {
    const { table } = compiled
    cache?.review(compiled)
    log.info({ token: table.token, version: table.version }, 'route table taken')
    queue.review()
  })
  const authenticator = createAuthenticator(settings.auth, {
    now,
    ...(settings.lookUpSession ? { lookUpSession: settings.lookUpSession } : {}),
  })
  const lease = control
    ? new Lease({
        ...control,
        marginMs: settings.leaseMarginMs,
        now,
        log,
        newest: () => tables.version,
        onTable: takeControlTable,
        onLost: () => {
          tables.endStreams()
          // What moves now, is not told here.
          cache?.clear()
        },
      })
    : null
  const shadow = new Shadow({
    ...settings.shadow,
    table: () => tables.current,
    identityKey: settings.identityKey,
    timeoutMs: timeouts.answerMs,
    random: Math.random,
  })
  const limits = new Limits(settings.limits, {
    now,
    gateway: settings.id,
    counter: settings.counter ?? null,
    onChange: () => log.warn(limits.state, 'where limits count has changed'),
  })
  const observation = new Observation(logs.access, settings.startSpan ?? null)
  const forwarder = new Forwarder({
    settings,
    tables,
    authenticator,
    leaseProblem: () => lease?.problem() ?? null,
    replayBytes: settings.replayBytes,
    queue,
    shadow,
    limits,
    cache,
    observation,
    log,
  })
  const clients = new PublicServer(forwarder, timeouts, settings.tls ?? null, log)
  const { server } = clients
  const stats = (): GatewayStats => ({
    gateway: settings.id,
    extractions: [...tables.states].map(([name, { counters }]) =>
      counters.read(name, shadow.read(name)),
    ),
    limits: limits.stats(),
    breakers: upstreams.breakers(),
  })
  const metrics = () =>
    metricsOf({
      stats: stats(),
      requests: observation.counters,
      server,
      upstreams: upstreams.connections(),
      version: tables.version.version,
      serving: (lease?.problem() ?? null) === null,
      calls: forwarder.calls.size,
      held: queue.size,
      counting: limits.state.counting,
      cache: cache?.stats ?? null,
      linesDropped: logs.dropped(),
      tls: clients.tls,
    })
  const health = () => ({
    ok: !closing && (lease?.problem() ?? null) === null,
    gateway: settings.id,
    table: tables.current && {
      token: tables.current.table.token,
      version: tables.current.table.version,
    },
    lease: lease ? (lease.problem()?.message ?? 'held') : 'none needed',
    calls: forwarder.calls.size,
    held: queue.size,
    limits: limits.state,
  })
  const admin = createAdminServer({
    token: settings.admin.token,
    takeTable(table, drainMs, only) {
      tables.adopt(table)
      return tables.acknowledge(settings.id, drainMs, only, () => queue.size)
    },
    stats,
    metrics: async () => textOf(await metrics()),
    health,
  })
  let closing: Promise<void> | null = null
  let onFirstTable: (() => void) | null = null

  if (settings.table) tables.adopt(parseRouteTable(settings.table))
  if (!control) tables.begin(settings.monolith)

  function takeControlTable(table: RouteTable | null): void {
    onFirstTable?.()
    if (table === null) {
      tables.begin(settings.monolith)
      queue.review()
      return
    }
    const given = parseRouteTable(table)
    const newest = tables.current?.table
    // Its answer was under way while it gave us a newer one: that one stands.
    if (newest && given.token === newest.token && given.version <= newest.version) return
    tables.adopt(given)
  }

  /** A gateway begins; resolves once the control plane has told what goes where. @throws Error when it does not. */
  async function registered(): Promise<void> {
    const waitMs = timeouts.firstTableMs * FIRST_TABLE_TIMES
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        onFirstTable = resolve
        timer = setTimeout(() => {
          const urls = control!.urls.join(', ')
          reject(new Error(`no control plane at ${urls} gave it a table in ${waitMs} ms`))
        }, waitMs)
        register(settings.publicUrl!)
      })
    } finally {
      clearTimeout(timer)
      onFirstTable = null
    }
  }

  function register(publicUrl: string): void {
    const adminUrl = settings.adminUrl ?? urlOf(portOf(admin), settings.admin.host)
    lease?.start({ id: settings.id, adminUrl, publicUrl })
  }

  async function shutDown({ idleMs, streamMs }: Leave): Promise<void> {
    const closed = clients.close(idleMs)
    forwarder.close(() => clients.endIdleConnections(), streamMs)
    const deadline = setTimeout(() => {
      for (const call of forwarder.calls) call.request.socket?.destroy()
      clients.destroyConnections()
    }, timeouts.closeMs)
    await closed
    clearTimeout(deadline)
    // Only now: while requests are in flight, the control plane must still be able to hand over around them.
    await lease?.close()
    const adminClosed = new Promise((resolve) => admin.close(resolve))
    admin.closeAllConnections()
    shadow.close()
    cache?.clear()
    await Promise.all([adminClosed, upstreams.destroy(), authenticator.close(), limits.close()])
    logs.close()
  }

  return {
    async listen() {
      await limits.open()
      await clients.openCertificate()
      // Its own port, whatever workers share.
      await listenOn(admin, settings.admin, true)
      if (lease && settings.tableFirst) await registered()
      await listenOn(server, settings.listen)
      if (!settings.tableFirst) register(this.publicUrl)
      log.info({ public: portOf(server), admin: portOf(admin) }, 'listening')
    },
    renewCertificate: () => clients.renewCertificate(),
    close: (leave = AT_ONCE) => {
      closing ??= shutDown(leave)
      return closing
    },
    metrics,
    health,
    get publicUrl() {
      const scheme = settings.tls ? 'https' : 'http'
      return settings.publicUrl ?? urlOf(portOf(server), settings.listen.host, scheme)
    },
    get publicPort() {
      return portOf(server)
    },
    get adminPort() {
      return portOf(admin)
    },
  }
}
