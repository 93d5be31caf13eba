import { type ManagedProcess, Supervisor } from '@banyan/lab'
import {
  createPool,
  type EmbeddedOptions,
  type EmbeddedPostgres,
  type Pool,
} from '@banyan/postgres'
import { type Dependencies, type ServiceDefinition, startService } from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import pg from 'pg'
import type { Target } from './prometheus.ts'
import type { Watched } from './see-alerts.ts'
import { Traffic, type TrafficOptions } from './traffic.ts'

/** The name that such sessions show in pg_stat_activity. */
export const SESSION = 'forgotten'
const COMMON = { PORT: '0', BANYAN_IDENTITY_KEY: IDENTITY_KEY, LOG_LEVEL: 'silent' }
/** Until a process listens, ms; a machine that others keep busy takes a minute. */
const READY_MS = 180_000

/** Services within this process, and as processes of their own where they are to be killed. */
export class ServiceSystem implements Watched {
  readonly targets: Target[] = []
  readonly #supervisor: Supervisor
  readonly #ends: (() => Promise<unknown>)[] = []
  readonly #servers = new Map<string, EmbeddedPostgres>()
  readonly #urls = new Map<string, string>()
  readonly #databases = new Map<string, string>()
  readonly #processes = new Map<string, ManagedProcess>()

  private constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  static async create(): Promise<ServiceSystem> {
    return new ServiceSystem(
      await Supervisor.create({ name: 'banyan-alerts', handleSignals: false }),
    )
  }

  get folder(): string {
    return this.#supervisor.folder
  }

  /** Starts a database server. */
  async postgres(
    name: string,
    options?: Pick<EmbeddedOptions, 'settings'>,
  ): Promise<EmbeddedPostgres> {
    const server = await this.#supervisor.postgres(options)
    this.#servers.set(name, server)
    return server
  }

  server(name: string): EmbeddedPostgres {
    return this.#servers.get(name)!
  }

  /** Starts a service here, with a database on the server where there is one. */
  async run<C, T extends Record<string, unknown>, D extends Dependencies>(
    definition: ServiceDefinition<C, T, D>,
    {
      server,
      env = {},
    }: { server?: EmbeddedPostgres; env?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const { name } = definition
    if (server) this.#databases.set(name, await server.createDatabase(name))
    const DATABASE_URL = this.#databases.get(name)
    const service = await startService(definition, {
      env: { ...COMMON, ...(DATABASE_URL ? { DATABASE_URL } : {}), ...env },
    })
    this.#ends.push(() => service.stop())
    this.#urls.set(name, service.url)
    this.#watch(service.url)
  }

  /** Starts a service as a process of its own. */
  async spawn(name: string, file: URL): Promise<ManagedProcess> {
    const process = await this.#supervisor.process(name, {
      file: file.pathname,
      env: COMMON,
      readyMs: READY_MS,
    })
    this.#processes.set(name, process)
    this.#watch(process.url)
    return process
  }

  process(name: string): ManagedProcess {
    return this.#processes.get(name)!
  }

  url(service: string): string {
    return this.#urls.get(service)!
  }

  databaseUrl(service: string): string {
    return this.#databases.get(service)!
  }

  /** To the database of a service, as an operator. */
  pool(service: string): Pool {
    const pool = createPool(this.databaseUrl(service), { name: 'operator', max: 1 })
    this.#ends.push(() => pool.end())
    return pool
  }

  /** One that somebody opened in the database of a service, and that stays if nobody ends it. */
  async session(service: string): Promise<pg.Client> {
    const session = new pg.Client({
      connectionString: this.databaseUrl(service),
      application_name: SESSION,
    })
    session.on('error', () => {})
    await session.connect()
    this.#ends.push(() => session.end())
    return session
  }

  /** More clients of a service, until the end. */
  ask(service: string, path: string, options?: TrafficOptions): void {
    this.askAt(this.url(service), path, options)
  }

  /** Clients of something else. */
  askAt(origin: string, path: string, options?: TrafficOptions): void {
    const traffic = new Traffic(origin, path, options)
    this.#ends.push(() => traffic.stop())
  }

  async stop(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) await end()
    await this.#supervisor.stopAll()
  }

  #watch(url: string): void {
    this.targets.push({ job: 'banyan-services', address: new URL(url).host })
  }
}
