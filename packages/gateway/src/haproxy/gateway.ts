import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { BanyanError, type RouteTable } from '@banyan/contracts'
import { createAdminServer } from '../admin.ts'
import type { Gateway } from '../gateway.ts'
import { Lease } from '../lease.ts'
import { listenOn, portOf, urlOf } from '../listening.ts'
import { openLogs } from '../logs.ts'
import { type GatewayOptions, settingsOf } from '../options.ts'
import { parseRouteTable } from '../route-table.ts'
import type { HaproxySettings } from './configuration.ts'
import { checkAuth, checkTable, checkTls } from './lacks.ts'
import { HaproxyPlane } from './plane.ts'

export interface HaproxyGatewayOptions extends GatewayOptions {
  /** Every extraction that a table may name, with its service's base URL. */
  readonly targets: Readonly<Record<string, string>>
  /** Where configuration, maps, sockets and log stand; nobody else's. Its HAProxy is found there again. */
  readonly folder: string
  /** The program; `haproxy` by default. */
  readonly command?: string
  /** Told of each HAProxy that serves from now on. */
  readonly onProcess?: (pid: number) => void
}

/** Options that HAProxy is not told of. */
const NOT_CARRIED = ['limits', 'breaker', 'retries', 'accessLog', 'shadow'] as const

/**
 * A gateway whose requests go through an HAProxy. To the control plane it is one like any other: it registers,
 * takes tables, acknowledges them when HAProxy goes by them and nothing held is on its way, and holds a lease,
 * the end of which HAProxy sees to by itself.
 *
 * @throws BanyanError DATA_PLANE_LACKS, Error that names the option that is not valid.
 */
export function createHaproxyGateway(options: HaproxyGatewayOptions): Gateway {
  const settings = settingsOf(options)
  checkAuth(settings.auth)
  checkTls(settings.tls)
  const { now, control, timeouts } = settings
  const logs = openLogs(settings)
  const { log } = logs
  let port = settings.listen.port
  let plane: HaproxyPlane | null = null
  let haproxy: HaproxySettings | null = null
  let newest: RouteTable | null = null
  let closing: Promise<void> | null = null

  const lease = control
    ? new Lease({
        ...control,
        marginMs: settings.leaseMarginMs,
        now,
        log,
        newest: () => plane?.applied ?? { token: 0, version: 0 },
        // One that stands still must lose its lease: who renewed for it would have everybody wait for it.
        ready: () => plane!.check(),
        onTable: (table, endsAt) => {
          const next = table === null ? null : accept(parseRouteTable(table), true)
          plane!.apply(next, endsAt - settings.leaseMarginMs).catch(tell)
        },
        onLost: () => {
          plane!.endStreams(Object.keys(options.targets), ['source', 'target']).catch(tell)
        },
      })
    : null

  const admin = createAdminServer({
    token: settings.admin.token,
    async takeTable(table, drainMs, only) {
      const next = accept(table, false)
      await plane!.apply(next)
      const inFlight = await plane!.drained(next, drainMs, only).catch((error: Error) => {
        throw new BanyanError('DATA_PLANE_AWAY', { dataPlane: 'HAProxy', reason: error.message })
      })
      const { token, version } = next
      const { waiting } = await plane!.stats()
      return {
        gateway: settings.id,
        token,
        version,
        drained: inFlight === 0,
        inFlight,
        held: waiting,
      }
    },
    stats: async () => ({
      gateway: settings.id,
      extractions: (await plane!.stats()).extractions,
      limits: [],
      breakers: [],
    }),
    metrics: () => plane!.metrics(),
    health: () => {
      const problem = lease?.problem() ?? null
      const table = plane?.applied
      return {
        ok: !closing && problem === null,
        gateway: settings.id,
        dataPlane: 'haproxy',
        pid: plane?.pid ?? null,
        table: table ? { token: table.token, version: table.version } : null,
        lease: lease ? (problem?.message ?? 'held') : 'none needed',
      }
    },
  })

  /** @returns the table to go by: a newer one that is known already, when this one comes with a lease. */
  function accept(table: RouteTable, withLease: boolean): RouteTable {
    checkTable(table, haproxy!)
    const known = newest
    if (known) {
      const same = table.token === known.token && table.version === known.version
      const older =
        table.token < known.token ||
        (table.token === known.token && table.version < known.version) ||
        (same && JSON.stringify(table) !== JSON.stringify(known))
      // Its answer was under way while it gave us a newer one: that one stands.
      if (older && withLease && table.token === known.token) return known
      if (older) {
        throw new BanyanError('STALE_TOKEN', {
          held: `${table.token} (table version ${table.version})`,
          highest: `${known.token} (table version ${known.version})`,
        })
      }
    }
    newest = table
    return table
  }

  function tell(error: Error): void {
    log.error({ reason: error.message }, 'HAProxy does not do what it is asked')
  }

  async function shutDown(): Promise<void> {
    // Only after its last request: until then the control plane must be able to hand over around it.
    await plane?.close(timeouts.closeMs)
    await lease?.close()
    const closed = new Promise((resolve) => admin.close(resolve))
    admin.closeAllConnections()
    await closed
    logs.close()
  }

  return {
    async listen() {
      if (port === 0) port = await freePort(settings.listen.host)
      haproxy = {
        folder: options.folder,
        listen: { ...settings.listen, port },
        monolith: settings.monolith,
        targets: options.targets,
        auth: settings.auth,
        identityKey: settings.identityKey,
        timeouts,
        held: settings.hold.requests,
      }
      plane = new HaproxyPlane({
        settings: haproxy,
        command: options.command ?? 'haproxy',
        now,
        log,
        onProcess: options.onProcess ?? (() => {}),
      })
      await listenOn(admin, settings.admin)
      await plane.open()
      if (settings.table) await plane.apply(accept(parseRouteTable(settings.table), false))
      // Without a control plane there is no lease to lose.
      if (!control) await plane.apply(newest, Number.MAX_SAFE_INTEGER / 2)
      const ignored = NOT_CARRIED.filter((name) => options[name] !== undefined)
      if (ignored.length > 0) log.warn({ ignored }, 'settings that HAProxy is not told of')
      const host = settings.listen.host
      lease?.start({
        id: settings.id,
        adminUrl: settings.adminUrl ?? urlOf(portOf(admin), settings.admin.host),
        publicUrl: settings.publicUrl ?? urlOf(port, host),
      })
      log.info({ public: port, admin: portOf(admin), pid: plane.pid }, 'listening')
    },
    close: () => {
      closing ??= shutDown()
      return closing
    },
    get publicPort() {
      return port
    },
    get adminPort() {
      return portOf(admin)
    },
  }
}

/** HAProxy does not say which port it was given. */
async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
