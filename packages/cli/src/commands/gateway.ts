import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import {
  createGateway,
  createHaproxyGateway,
  type Gateway,
  type GatewayOptions,
  GatewayWorkers,
  type Leave,
  WorkerLink,
  type WorkerSettings,
} from '@banyan/gateway'
import { keepsAnswers, type Plan, targetsOf } from '@banyan/migration'
import { Command, Option } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand, CommandError, failureOf } from '../failure.ts'
import { type LogLevel, logLevelOption, portOf, processSettings } from '../listening.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

interface Options {
  readonly port?: string
  readonly adminPort?: string
  readonly adminHost?: string
  readonly id?: string
  readonly publicUrl?: string
  readonly adminUrl?: string
  readonly dataPlane: (typeof DATA_PLANES)[number]
  readonly folder?: string
  readonly workers?: string
  readonly logLevel: LogLevel
}

const DATA_PLANES = ['banyan', 'haproxy'] as const
/** Each is a process with a heap of its own. */
const MOST_WORKERS = 64
/** A worker that is asked to end by a signal of its own, ms. */
const ASKED: Leave = { idleMs: 250, streamMs: 0 }

export function gatewayCommand(bind: Bind): Command {
  return new Command('gateway')
    .description(
      'run a gateway until it is asked to end; --control may be repeated, one for each engine',
    )
    .option('--port <port>', 'where clients connect, over the plan’s; 0 takes a free one')
    .option('--admin-port <port>', 'where the control plane connects; a free one by default')
    .option('--admin-host <address>', 'the address that port listens at; 127.0.0.1 by default')
    .option('--id <name>', 'unique among the gateways; host and port by default')
    .option('--public-url <url>', 'how clients reach it, when that differs from where it listens')
    .option('--admin-url <url>', 'how the control plane reaches it, when that differs')
    .addOption(
      new Option('--data-plane <name>', 'what requests go through')
        .choices(DATA_PLANES)
        .default('banyan'),
    )
    .option('--folder <path>', 'of HAProxy: configuration, maps, sockets, log; nobody else’s')
    .option('--workers <count>', 'processes on its port, over the plan’s; SIGHUP reloads them')
    .addOption(logLevelOption())
    .action(bind(gateway))
}

async function gateway(session: Session, options: Options): Promise<ExitCode> {
  const link = await WorkerLink.open()
  if (link) return worker(session, options, link)
  // What is wrong with the command line is told before the plan is looked for.
  portOf('--port', options.port)
  portOf('--admin-port', options.adminPort)
  const workers = workersOf(options, await session.plan())
  if (options.dataPlane === 'haproxy') {
    if (options.workers !== undefined) {
      throw badCommand(
        'HAProxy serves in one process of its own, and takes no --workers',
        'Leave --workers out, or serve with --data-plane banyan.',
      )
    }
    return haproxyGateway(session, options, await gatewayOptions(session, options))
  }
  if (workers !== undefined) return primary(session, options)
  const { running, close } = await openTraced(session, await gatewayOptions(session, options))
  await serveUntilEnded(session, running, close)
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
  const running = await open(() =>
    createHaproxyGateway({
      ...settings,
      targets: targetsOf(plan),
      folder: folder === undefined ? join(tmpdir(), `banyan-${settings.id}`) : resolve(cwd, folder),
      onProcess: (pid) => session.printJson({ event: 'data plane', pid }),
    }),
  )
  await serveUntilEnded(session, running, () => running.close())
  return EXIT.ok
}

async function serveUntilEnded(
  session: Session,
  running: Gateway,
  close: () => Promise<void>,
): Promise<void> {
  const { publicPort: port, adminPort } = running
  session.printJson({ event: 'listening', port, adminPort })
  session.terminal.onReload(() => void running.renewCertificate?.())
  await session.ended()
  await close()
}

/** Serves nothing itself: it begins workers, which run this same command. */
async function primary(session: Session, options: Options): Promise<ExitCode> {
  const { id, admin } = await gatewayOptions(session, options)
  await processSettings('gateway', session)
  const workers = new GatewayWorkers({ id, admin, logLevel: options.logLevel })
  // Before they begin: whoever asks too early would end it.
  session.terminal.onReload(() => void workers.reload().catch(() => {}))
  await listening(workers.start())
  session.printJson({
    event: 'listening',
    port: workers.publicPort,
    adminPort: workers.adminPort,
    workers: workers.workers.length,
  })
  await session.ended()
  await workers.close()
  return EXIT.ok
}

async function worker(session: Session, options: Options, link: WorkerLink): Promise<ExitCode> {
  try {
    const settings = link.settings ?? (await readSettings(session, options))
    const { running, close } = await openTraced(session, link.optionsFor(settings))
    link.serves(running, settings)
    await close(await Promise.race([link.leaving, session.ended().then(() => ASKED)]))
    await link.ended()
    return EXIT.ok
  } catch (error) {
    const { problem, exit } = failureOf(error)
    await link.failed(problem)
    return exit
  }
}

async function readSettings(session: Session, options: Options): Promise<WorkerSettings> {
  const workers = workersOf(options, await session.plan())
  // A plan that was changed to have none: one, as long as the command that runs is the one with workers.
  return { options: await gatewayOptions(session, options), workers: workers ?? 1 }
}

async function openTraced(session: Session, settings: GatewayOptions) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT } = await processSettings('gateway', session)
  const { Tracing } = await import('@banyan/service/http')
  const tracing = await Tracing.open('gateway', OTEL_EXPORTER_OTLP_ENDPOINT)
  const running = await open(() =>
    createGateway({
      ...settings,
      ...(tracing.on ? { startSpan: (...span) => tracing.start(...span) } : {}),
    }),
  )
  const close = async (leave?: Leave) => {
    await running.close(leave)
    await tracing.close()
  }
  return { running, close }
}

function workersOf({ workers: given }: Options, plan: Plan): number | undefined {
  const value = given ?? plan.gateway.workers
  if (value === undefined) return undefined
  if (keepsAnswers(plan)) {
    throw badCommand(
      'answers of some routes are kept (`cache` in the plan), which one process alone can do',
      'Leave --workers and gateway.workers out, or `cache` of the routes.',
    )
  }
  const workers = Number(value)
  if (Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS) return workers
  const where = given === undefined ? 'gateway.workers of the plan' : '--workers'
  throw badCommand(
    `${where} is "${value}"; allowed is a whole number from 1 to ${MOST_WORKERS}`,
    'As many as the machine has cores is most that helps.',
  )
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
    admin: {
      port: adminPort ?? 0,
      token: plan.control.token,
      ...(options.adminHost === undefined ? {} : { host: options.adminHost }),
    },
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
  const { limits, accessLog, timeouts, breaker, retries, tls, cache } = plan
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(accessLog === undefined ? {} : { accessLog }),
    ...(timeouts === undefined ? {} : { timeouts }),
    ...(breaker === undefined ? {} : { breaker }),
    ...(retries === undefined ? {} : { retries }),
    ...(tls === undefined ? {} : { tls }),
    ...(cache === undefined ? {} : { cache }),
  }
}

async function open<Created extends Gateway>(create: () => Created): Promise<Created> {
  let created: Created
  try {
    created = create()
  } catch (error) {
    if (error instanceof BanyanError) throw error
    throw new BanyanError('BAD_PLAN', { where: 'gateway', reason: (error as Error).message })
  }
  const opening = created.listen().then(() => created)
  return listening(opening, () => created.close())
}

/** Says of a port that is taken what to do. */
async function listening<T>(opening: Promise<T>, giveUp = async () => {}): Promise<T> {
  try {
    return await opening
  } catch (error) {
    await giveUp().catch(() => {})
    const { code, port } = error as { code?: string; port?: number }
    if (code !== 'EADDRINUSE') throw error
    throw new CommandError(
      'BAD_COMMAND',
      { reason: `port ${port} is taken` },
      'Stop what listens there, or give another: banyan gateway --port PORT.',
    )
  }
}
