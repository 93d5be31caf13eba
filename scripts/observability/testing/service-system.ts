import { type ManagedProcess, Supervisor } from '@banyan/lab'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { startService } from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import pg from 'pg'
import type { Target } from './prometheus.ts'
import type { Watched } from './see-alerts.ts'
import { calling, ITEM, shelf } from './shelves.ts'
import { Traffic, type TrafficOptions } from './traffic.ts'

/** The name that such sessions show in pg_stat_activity. */
export const SESSION = 'forgotten'
const COMMON = { PORT: '0', BANYAN_IDENTITY_KEY: IDENTITY_KEY, LOG_LEVEL: 'silent' }
/** Until a process listens, ms; a machine that others keep busy takes a minute. */
const READY_MS = 180_000
/** Of the server of `crowded`, a few of which are kept for superusers. */
const CONNECTIONS = 40

/** Services that are asked all the time; those that are to be killed are processes of their own. */
export class ServiceSystem implements Watched {
  readonly #supervisor: Supervisor
  readonly targets: Target[] = []
  readonly #ends: (() => Promise<unknown>)[] = []
  readonly #urls = new Map<string, string>()
  readonly #databases = new Map<string, string>()
  readonly #processes = new Map<string, ManagedProcess>()

  private constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  static async start(): Promise<ServiceSystem> {
    const supervisor = await Supervisor.create({ name: 'banyan-alerts', handleSignals: false })
    const system = new ServiceSystem(supervisor)
    const server = await supervisor.postgres()
    for (const name of ['misnamed', 'slow', 'locked']) await system.#startShelf(name, server)
    const settings = { max_connections: CONNECTIONS }
    await system.#startShelf('crowded', await supervisor.postgres({ settings }))
    for (const name of ['called', 'restarted']) await system.#startProcess(name)
    const url = system.#processes.get('called')!.url
    system.#run(await startService(calling, { env: { ...COMMON, CALLED_URL: url } }), 'calling')
    for (const name of system.#urls.keys()) system.ask(name)
    return system
  }

  get folder(): string {
    return this.#supervisor.folder
  }

  process(name: string): ManagedProcess {
    return this.#processes.get(name)!
  }

  /** To the database of a service, as an operator. */
  pool(service: string): Pool {
    const pool = createPool(this.#databases.get(service)!, { name: 'operator', max: 1 })
    this.#ends.push(() => pool.end())
    return pool
  }

  /** One that somebody opened in the database of a service, and that stays if nobody ends it. */
  async session(service: string): Promise<pg.Client> {
    const session = new pg.Client({
      connectionString: this.#databases.get(service)!,
      application_name: SESSION,
    })
    session.on('error', () => {})
    await session.connect()
    this.#ends.push(() => session.end())
    return session
  }

  /** More clients of a service. */
  ask(service: string, options?: TrafficOptions): Traffic {
    const traffic = new Traffic(this.#urls.get(service)!, ITEM, options)
    this.#ends.push(() => traffic.stop())
    return traffic
  }

  async stop(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) await end()
    await this.#supervisor.stopAll()
  }

  async #startShelf(name: string, server: EmbeddedPostgres): Promise<void> {
    const DATABASE_URL = await server.createDatabase(name)
    this.#databases.set(name, DATABASE_URL)
    this.#run(await startService(shelf(name), { env: { ...COMMON, DATABASE_URL } }), name)
  }

  #run(service: { readonly url: string; stop(): Promise<void> }, name: string): void {
    this.#ends.push(() => service.stop())
    this.#urls.set(name, service.url)
    this.#watch(service.url)
  }

  async #startProcess(name: string): Promise<void> {
    const process = await this.#supervisor.process(name, {
      file: new URL('called-process.ts', import.meta.url).pathname,
      env: COMMON,
      readyMs: READY_MS,
    })
    this.#processes.set(name, process)
    this.#watch(process.url)
  }

  #watch(url: string): void {
    this.targets.push({ job: 'banyan-services', address: new URL(url).host })
  }
}
