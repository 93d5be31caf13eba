import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import {
  createGateway,
  createHaproxyGateway,
  type Gateway,
  type GatewayOptions,
} from '@banyan/gateway'
import { type Plan, targetsOf } from '@banyan/migration'
import { Command, Option } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { CommandError } from '../failure.ts'
import { type LogLevel, logLevelOption, portOf, processSettings } from '../listening.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

interface Options {
  readonly port?: string
  readonly adminPort?: string
  readonly id?: string
  readonly publicUrl?: string
  readonly adminUrl?: string
  readonly dataPlane: (typeof DATA_PLANES)[number]
  readonly folder?: string
  readonly logLevel: LogLevel
}

const DATA_PLANES = ['banyan', 'haproxy'] as const

export function gatewayCommand(bind: Bind): Command {
  return new Command('gateway')
    .description(
      'run a gateway until it is asked to end; --control may be repeated, one for each engine',
    )
    .option('--port <port>', 'where clients connect, over the plan’s; 0 takes a free one')
    .option('--admin-port <port>', 'where the control plane connects; a free one by default')
    .option('--id <name>', 'unique among the gateways; host and port by default')
    .option('--public-url <url>', 'how clients reach it, when that differs from where it listens')
    .option('--admin-url <url>', 'how the control plane reaches it, when that differs')
    .addOption(
      new Option('--data-plane <name>', 'what requests go through')
        .choices(DATA_PLANES)
        .default('banyan'),
    )
    .option('--folder <path>', 'of HAProxy: configuration, maps, sockets, log; nobody else’s')
    .addOption(logLevelOption())
    .action(bind(gateway))
}

async function gateway(session: Session, options: Options): Promise<ExitCode> {
  const settings = await gatewayOptions(session, options)
  if (options.dataPlane === 'haproxy') return haproxyGateway(session, options, settings)
  const { OTEL_EXPORTER_OTLP_ENDPOINT } = await processSettings('gateway', session)
  const { Tracing } = await import('@banyan/service/http')
  const tracing = await Tracing.open('gateway', OTEL_EXPORTER_OTLP_ENDPOINT)
  await serveUntilEnded(session, () =>
    createGateway({
      ...settings,
      ...(tracing.on ? { startSpan: (...span) => tracing.start(...span) } : {}),
    }),
  )
  await tracing.close()
  return EXIT.ok
}

/** The process that drives an HAProxy, which goes on without it. */
async function haproxyGateway(
  session: Session,
  { folder }: Options,
  settings: GatewayOptions,
): Promise<ExitCode> {
  const plan = await session.plan()
  const { cwd } = session.terminal
  await serveUntilEnded(session, () =>
    createHaproxyGateway({
      ...settings,
      targets: targetsOf(plan),
      folder: folder === undefined ? join(tmpdir(), `banyan-${settings.id}`) : resolve(cwd, folder),
      onProcess: (pid) => session.printJson({ event: 'data plane', pid }),
    }),
  )
  return EXIT.ok
}

async function serveUntilEnded(session: Session, create: () => Gateway): Promise<void> {
  const running = await open(create)
  session.printJson({
    event: 'listening',
    port: running.publicPort,
    adminPort: running.adminPort,
  })
  const renew = () => void running.renewCertificate?.()
  process.on('SIGHUP', renew)
  await session.ended()
  process.off('SIGHUP', renew)
  await running.close()
}

/** What the plan and the command line say of a gateway. */
export async function gatewayOptions(
  session: Session,
  options: Partial<Options>,
): Promise<GatewayOptions> {
  const [given, adminPort] = [
    portOf('--port', options.port),
    portOf('--admin-port', options.adminPort),
  ]
  const plan = await session.plan()
  const port = given ?? plan.gateway.port
  const { host } = plan.gateway
  return {
    id: options.id ?? `${hostname()}-${port === 0 ? process.pid : port}`,
    listen: { port, ...(host === undefined ? {} : { host }) },
    admin: { port: adminPort ?? 0, token: plan.control.token },
    monolith: plan.monolith.url,
    identityKey: plan.gateway.identityKey,
    auth: plan.gateway.auth,
    control: { urls: await session.controlUrls(), token: plan.control.token },
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    ...chosen(plan.gateway),
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(options.adminUrl === undefined ? {} : { adminUrl: options.adminUrl }),
  }
}

/** What the plan says that has a default; a setting that is none is named by the gateway itself. */
function chosen(plan: Plan['gateway']): Partial<GatewayOptions> {
  const { limits, accessLog, timeouts, breaker, retries, tls } = plan
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(accessLog === undefined ? {} : { accessLog }),
    ...(timeouts === undefined ? {} : { timeouts }),
    ...(breaker === undefined ? {} : { breaker }),
    ...(retries === undefined ? {} : { retries }),
    ...(tls === undefined ? {} : { tls }),
  }
}

async function open(create: () => Gateway): Promise<Gateway> {
  let created: Gateway
  try {
    created = create()
  } catch (error) {
    if (error instanceof BanyanError) throw error
    throw new BanyanError('BAD_PLAN', { where: 'gateway', reason: (error as Error).message })
  }
  try {
    await created.listen()
    return created
  } catch (error) {
    await created.close().catch(() => {})
    const { code, port } = error as { code?: string; port?: number }
    if (code !== 'EADDRINUSE') throw error
    throw new CommandError(
      'BAD_COMMAND',
      { reason: `port ${port} is taken` },
      'Stop what listens there, or give another: banyan gateway --port PORT.',
    )
  }
}
