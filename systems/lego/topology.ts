import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ManagedProcess, ProcessEvent, Supervisor } from '@banyan/lab'
import { ControlClient, ControlError } from '@banyan/migration'
import { type EmbeddedPostgres, freePort } from '@banyan/postgres'
import { newServiceKey } from '@banyan/service'
import {
  type FileServices,
  newObjects,
  storageSettings,
  superviseFileServices,
} from './file-services.ts'
import { type DataPlane, Haproxy } from './haproxy.ts'
import type { ObjectsSetting } from './kept-files.ts'
import { portNear } from './port-near.ts'
import { createServiceDatabase } from './service-database.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const BANYAN = here('../../packages/cli/src/main.ts')
const CONFIG = here('banyan.config.ts')

export interface LegoOptions {
  /** What is to leave the monolith: those services run. */
  readonly extractions: readonly ExtractionName[]
  /** Services beside them; none by default. */
  readonly newServices?: readonly NewName[]
  /** Wishlist items the generator makes. */
  readonly rows: number
  readonly seed: number
  /** Users the generator makes; 2,000 by default. */
  readonly users?: number
  /** Engines; one of them acts, the others stand by. */
  readonly engines: number
  /** Gateways; 1 by default. All serve the same, the clients choose. */
  readonly gateways?: number
  /** What the gateways' requests go through; `banyan` by default. */
  readonly dataPlane?: DataPlane
  /** Listen where docs/ports.md says, as far as that is free; else on free ports. */
  readonly documentedPorts: boolean
  /** Settings of banyan.config.ts: `BANYAN_STEP_SECONDS` and its like. */
  readonly env: Readonly<Record<string, string>>
  /** Settings of both PostgreSQL servers. */
  readonly postgres?: Readonly<Record<string, string | number>>
  /** Storage and Processing run, and the monolith has them keep its files and read its parts lists; no by default. */
  readonly fileServices?: boolean
  /** Until an engine that does not answer counts as away, ms; 3,000 by default: another may stand by. */
  readonly controlTimeoutMs?: number
  /** Puts something before a service: told its address, answers the one that the plan has; by default nothing. */
  before?(service: ExtractionName, url: string): Promise<string>
  /** Called when every table is made and filled, before an engine or a gateway starts. */
  onFilled?(servers: { source: EmbeddedPostgres; target: EmbeddedPostgres }): Promise<void>
  onStep(what: string): void
}

/** What can leave the monolith, by the names in banyan.config.ts, in the order it does; and the ports of the services. */
const PORTS = {
  wishlist: 9400,
  profile: 9300,
  storage: 9800,
  processing: 9500,
  search: 9700,
  gallery: 9200,
  moc: 9100,
} as const
export type ExtractionName = keyof typeof PORTS
export const EXTRACTIONS = Object.keys(PORTS) as readonly ExtractionName[]

/** Those that bring rows of the monolith's with them. */
export type RowsName = Exclude<ExtractionName, 'storage' | 'processing' | 'search'>
const WITHOUT_ROWS: readonly ExtractionName[] = ['storage', 'processing', 'search']

export function bringsRows(name: ExtractionName): name is RowsName {
  return !WITHOUT_ROWS.includes(name)
}

/** Services that the monolith never had. */
const NEW_PORTS = { inventory: 9600 } as const
type NewName = keyof typeof NEW_PORTS
export const NEW_SERVICES = Object.keys(NEW_PORTS) as readonly NewName[]

type ServiceName = ExtractionName | NewName
const SERVICES = [...EXTRACTIONS, ...NEW_SERVICES] as const

/** All that runs when they are moved out of the LEGO monolith, each a process of its own. */
export interface Lego {
  readonly source: EmbeddedPostgres
  readonly target: EmbeddedPostgres
  readonly extractions: readonly ExtractionName[]
  /** Of the databases, as superuser; that of a service is made though the service does not run. */
  readonly urls: Readonly<Record<'monolith' | 'auth' | 'banyan' | ServiceName, string>>
  readonly auth: ManagedProcess
  readonly monolith: ManagedProcess
  readonly services: Readonly<Partial<Record<ServiceName, ManagedProcess>>>
  /** Where users' own files are: the monolith's, and Storage's once they have moved there. */
  readonly files: { readonly folder: string; readonly objects: ObjectsSetting }
  /** A private JSON Web Key: what says to the services that the reconciliation asks. */
  readonly reconciliationKey: string
  /** Of the monolith; null where it does by itself what they do. */
  readonly fileServices: FileServices | null
  /** The first is the one people are told of. */
  readonly gateways: readonly [ManagedProcess, ...ManagedProcess[]]
  /** Of each gateway, where its requests go through one; then the gateway is its driver. */
  readonly haproxies: readonly Haproxy[]
  readonly engines: readonly ManagedProcess[]
  /** One for each engine, in their order; all answer the same. */
  readonly controls: readonly ControlClient[]
  /** What banyan.config.ts reads: give it to a `banyan` command of one's own. */
  readonly env: Readonly<Record<string, string>>
}

/** Starts everything and fills the monolith; resolves when the gateway takes requests. */
export async function startLego(supervisor: Supervisor, options: LegoOptions): Promise<Lego> {
  const { onStep } = options
  const settings = options.postgres ? { settings: options.postgres } : {}
  onStep('two PostgreSQL servers')
  const [source, target] = await Promise.all([
    supervisor.postgres(settings),
    supervisor.postgres(settings),
  ])
  /** What the services connect with: each as a role of its own, to its own database alone. */
  const own = await each((name) => createServiceDatabase(target.url(), name))
  const urls = {
    monolith: await source.createDatabase('lego'),
    auth: await source.createDatabase('auth'),
    ...(await each(async (name) => target.url(name))),
    banyan: await target.createDatabase('banyan'),
  }
  /** Of all services. Not among what a run begins anew with: what was said stays said. */
  const bus = await createServiceDatabase(target.url(), 'bus')
  const port = (usual: number) => (options.documentedPorts ? portNear(usual) : freePort())
  const ports = {
    gateways: [await port(9000)],
    monolith: await port(9001),
    ...(await each((name) => port({ ...PORTS, ...NEW_PORTS }[name]))),
    auth: await port(9900),
    engines: [] as number[],
  }
  while (ports.gateways.length < (options.gateways ?? 1)) ports.gateways.push(await freePort())
  for (let i = 0; i < options.engines; i++) ports.engines.push(await port(9090 + i))
  const local = (at: number) => `http://127.0.0.1:${at}`
  const fronts: Partial<Record<ServiceName, string>> = {}
  for (const name of options.extractions) {
    const address = local(ports[name])
    fronts[name] = (await options.before?.(name, address)) ?? address
  }
  const files = {
    folder: join(supervisor.folder, 'files'),
    objects: newObjects(join(supervisor.folder, 'stored')),
  }
  const env: Record<string, string> = {
    ...options.env,
    BANYAN_DATABASE_URL: urls.banyan,
    BANYAN_CONTROL_PORT: String(ports.engines[0]),
    BANYAN_CONTROL_TOKEN: 'lego-control-token',
    // Its users are few, and ask as much as many would.
    LIMITS: 'off',
    // Of requests, trouble alone: each line goes through this process.
    ACCESS_LOG_SHARE: '0',
    BANYAN_IDENTITY_KEY: 'lego-identity-key-of-this-machine',
    MONOLITH_URL: local(ports.monolith),
    MONOLITH_DATABASE_URL: urls.monolith,
    ...Object.fromEntries(
      SERVICES.flatMap((name) => [
        [`${name.toUpperCase()}_URL`, fronts[name] ?? local(ports[name])],
        [`${name.toUpperCase()}_DATABASE_URL`, urls[name]],
      ]),
    ),
    FILES_FOLDER: files.folder,
    GATEWAY_PORT: String(ports.gateways[0]),
    AUTH_URL: local(ports.auth),
    JWKS_URL: `${local(ports.auth)}/.well-known/jwks.json`,
  }
  const start = (name: string, file: string, more: Record<string, string>) =>
    supervisor.process(name, { file: here(file), env: { ...withoutSecrets(env), ...more } })

  onStep('the Auth Service, the monolith and the services')
  const fileServices = options.fileServices
    ? await superviseFileServices({
        start,
        server: target,
        bus,
        folder: join(supervisor.folder, 'objects'),
        ports: { storage: await freePort(), processing: await freePort() },
      })
    : null
  const keys = await each((name) => newServiceKey(name))
  const engineKey = await newServiceKey('banyan')
  env.BANYAN_ENGINE_KEY = JSON.stringify(engineKey.privateJwk)
  const reconciliationKey = await newServiceKey('reconciliation')
  const known = [...SERVICES.map((name) => keys[name]), engineKey, reconciliationKey]
  const publicKeys = JSON.stringify({ keys: known.map(({ publicJwk }) => publicJwk) })
  const running: readonly ServiceName[] = [...options.extractions, ...(options.newServices ?? [])]
  const service = (name: ServiceName) =>
    start(name, `services/${name}/main.ts`, {
      DATABASE_URL: own[name],
      BUS_URL: bus,
      BANYAN_SIGNING_KEY: JSON.stringify(keys[name].privateJwk),
      BANYAN_SERVICE_KEYS: publicKeys,
      // A line for each of hundreds of requests a second would be most of what the machine does.
      LOG_LEVEL: 'warn',
      PORT: String(ports[name]),
      // What it finds stands in the monolith, until the others have left it.
      ...(name === 'search' ? { SOURCE_URL: urls.monolith } : {}),
      ...(name === 'search' && !running.includes('moc') ? { MOC_URL: '' } : {}),
      ...(name === 'storage' ? storageSettings(files.objects, local(ports.storage)) : {}),
    })
  // Where the services are is the plan's to know; the monolith calls those alone that it is told to call.
  const { STORAGE_URL: _, PROCESSING_URL: __, ...ofMonolith } = env
  const [auth, monolith, ...services] = await Promise.all([
    start('auth', 'auth/main.ts', {
      DATABASE_URL: urls.auth,
      PORT: String(ports.auth),
      BANYAN_SERVICE_KEYS: publicKeys,
    }),
    supervisor.process('monolith', {
      file: here('monolith/main.ts'),
      env: {
        ...ofMonolith,
        DATABASE_URL: urls.monolith,
        PORT: String(ports.monolith),
        ...fileServices?.monolithEnv,
      },
    }),
    ...running.map(service),
  ])
  onStep(`${options.rows.toLocaleString('en')} wishlist items`)
  await fill(supervisor, urls, files.folder, options)
  await options.onFilled?.({ source, target })

  onStep('the engines and the gateways')
  const controlUrls = ports.engines.map(local)
  const engines = ports.engines.map((at, i) =>
    supervisor.process(`engine-${i + 1}`, {
      file: BANYAN,
      args: ['serve', '--config', CONFIG, '--port', String(at), '--id', `engine-${i + 1}`],
      env,
    }),
  )
  const driven = options.dataPlane === 'haproxy'
  const haproxies = driven ? ports.gateways.map(() => new Haproxy(supervisor)) : []
  const gateways = ports.gateways.map(async (at, i) =>
    supervisor.process(`gateway-${i + 1}`, {
      file: BANYAN,
      args: [
        ...['gateway', '--config', CONFIG, '--id', `gateway-${i + 1}`, '--port', String(at)],
        // Who binds the admin port proves that the gateway before it is gone: a restart need not wait for a lease.
        ...['--admin-port', String(await freePort())],
        ...controlUrls.flatMap((url) => ['--control', url]),
        ...(driven
          ? ['--data-plane', 'haproxy', '--folder', join(supervisor.folder, `haproxy-${i + 1}`)]
          : []),
      ],
      env,
      onEvent: (event) => haproxies[i]?.hear(event),
    }),
  )
  const { controlTimeoutMs: timeoutMs = 3_000 } = options
  const controls = controlUrls.map(
    (url) => new ControlClient({ urls: [url], token: env.BANYAN_CONTROL_TOKEN!, timeoutMs }),
  )
  return {
    source,
    target,
    extractions: options.extractions,
    urls,
    auth,
    monolith,
    fileServices,
    files,
    reconciliationKey: JSON.stringify(reconciliationKey.privateJwk),
    services: Object.fromEntries(running.map((name, i) => [name, services[i]!])),
    gateways: (await Promise.all(gateways)) as [ManagedProcess, ...ManagedProcess[]],
    haproxies,
    engines: await Promise.all(engines),
    controls,
    env,
  }
}

/** Runs a `banyan` command to its end, as an operator would. @throws with what it said when it fails */
export async function runBanyan(
  supervisor: Supervisor,
  lego: Lego,
  args: readonly string[],
): Promise<void> {
  const command = await supervisor.process(`banyan-${args[0]}`, {
    file: BANYAN,
    args: [...args, '--config', CONFIG, '--control', lego.engines[0]!.url],
    env: lego.env,
    ready: 'spawned',
  })
  const code = await command.ended()
  if (code === 0) return
  throw new Error(
    `banyan ${args.join(' ')} ended with code ${code}:\n${command.lastLines(10).join('\n')}`,
  )
}

/**
 * Starts the monolith anew where it was, to serve its health alone.
 *
 * @returns what asks it.
 */
export async function retireMonolith(
  supervisor: Supervisor,
  lego: Lego,
): Promise<() => Promise<{ retired: boolean; refused: number }>> {
  const { port } = lego.monolith
  await lego.monolith.stop()
  const retired = await supervisor.process('monolith-retired', {
    file: here('monolith/main.ts'),
    env: { PORT: String(port), RETIRED: 'true' },
  })
  return async () => {
    const answer = await fetch(`${retired.url}/health`)
    return (await answer.json()) as { retired: boolean; refused: number }
  }
}

/** What a service may be told: where the others are, and not how their databases or the engines are opened. */
function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  const secret = /_DATABASE_URL$|^BANYAN_(CONTROL_TOKEN|ENGINE_KEY)$/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.test(name)))
}

/** One after the other, by name. */
async function each<T>(make: (name: ServiceName) => Promise<T>): Promise<Record<ServiceName, T>> {
  const made: Partial<Record<ServiceName, T>> = {}
  for (const name of SERVICES) made[name] = await make(name)
  return made as Record<ServiceName, T>
}

/**
 * Asks the engines one after the other until one answers: some may be dead, or stand still.
 *
 * @throws what the last one answered.
 */
export async function askAny<T>(
  lego: Lego,
  ask: (control: ControlClient) => Promise<T>,
): Promise<T> {
  let failure: unknown
  for (const [i, control] of lego.controls.entries()) {
    if (!lego.engines[i]!.answering) continue
    try {
      return await ask(control)
    } catch (error) {
      if (error instanceof ControlError && error.problem.status < 500) throw error
      failure = error
    }
  }
  throw failure ?? new Error('no engine is running')
}

async function fill(
  supervisor: Supervisor,
  urls: { monolith: string; auth: string },
  filesFolder: string,
  options: LegoOptions,
): Promise<void> {
  const generator = await supervisor.process('generate', {
    file: here('generate.ts'),
    args: [
      ...['--items', String(options.rows), '--seed', String(options.seed)],
      ...(options.users === undefined ? [] : ['--users', String(options.users)]),
    ],
    env: {
      DATABASE_URL: urls.monolith,
      AUTH_DATABASE_URL: urls.auth,
      FILES_FOLDER: filesFolder,
    },
    ready: 'spawned',
  })
  const code = await generator.ended()
  if (code !== 0) {
    throw new Error(`the generator ended with code ${code}:\n${generator.lastLines(15).join('\n')}`)
  }
}

/** Starts the page for those who use the system, on the documented port where that is free. */
export async function startWeb(supervisor: Supervisor, lego: Lego): Promise<ManagedProcess> {
  return supervisor.process('web', {
    file: here('web/main.ts'),
    env: {
      PORT: String(await portNear(9002)),
      GATEWAY_URL: lego.gateways[0].url,
      AUTH_URL: lego.auth.url,
    },
  })
}

/** Starts the load process; `onEvent` is told its counts. */
export function startLoad(
  supervisor: Supervisor,
  settingFile: string,
  onEvent: (event: ProcessEvent) => void,
): Promise<ManagedProcess> {
  return supervisor.process('load', { file: here('load.ts'), args: [settingFile], onEvent })
}
