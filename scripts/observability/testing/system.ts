import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ManagedProcess, Supervisor } from '@banyan/lab'
import { createPool, type EmbeddedPostgres, freePort, type Pool } from '@banyan/postgres'
import { BANYAN, banyan } from './banyan.ts'
import type { Target } from './prometheus.ts'
import type { Watched } from './see-alerts.ts'

const IDENTITY_KEY = 'a-key-for-this-test-alone'
const CONTROL_TOKEN = 'a-control-token-of-this-test'
/** What the monolith fails at. */
export const BROKEN = '/notes/broken'
/** Until a process listens; a machine that others keep busy takes a minute. */
const READY_MS = 180_000

/** An engine, a gateway and their databases, each a process of its own, and an extraction under way. */
export class System implements Watched {
  readonly supervisor: Supervisor
  readonly targets: Target[] = []
  readonly #processes = new Map<string, ManagedProcess>()
  readonly #monolith: Server
  /** The control plane's too. */
  readonly source: EmbeddedPostgres
  readonly target: EmbeddedPostgres
  readonly #pools: Pool[] = []
  #adminPort = 0

  private constructor(parts: {
    supervisor: Supervisor
    source: EmbeddedPostgres
    target: EmbeddedPostgres
    monolith: Server
  }) {
    this.supervisor = parts.supervisor
    this.source = parts.source
    this.target = parts.target
    this.#monolith = parts.monolith
  }

  /** @param change to the plan of the extraction, which otherwise stays in its shadowing: it never gets its answers */
  static async start(change: Readonly<Record<string, unknown>> = {}): Promise<System> {
    const supervisor = await Supervisor.create({ name: 'banyan-alerts', handleSignals: false })
    const source = await supervisor.postgres()
    const target = await supervisor.postgres()
    const monolith = createServer(({ url }, response) => {
      response.writeHead(url === BROKEN ? 500 : 200).end()
    })
    await new Promise<void>((resolve) => monolith.listen(0, '127.0.0.1', resolve))
    const system = new System({ supervisor, source, target, monolith })
    await system.#startMove(change)
    return system
  }

  get folder(): string {
    return this.supervisor.folder
  }

  process(name: string): ManagedProcess {
    return this.#processes.get(name)!
  }

  pool(url: string): Pool {
    const pool = createPool(url, { name: 'test', max: 2 })
    this.#pools.push(pool)
    return pool
  }

  /** Runs the command as an operator would. @throws with what it says when it fails */
  async banyan(args: readonly string[]): Promise<void> {
    await banyan(args, this.folder)
  }

  async stop(): Promise<void> {
    for (const pool of this.#pools) await pool.end()
    await this.supervisor.stopAll()
    this.#monolith.close()
  }

  async #startMove(change: Readonly<Record<string, unknown>>): Promise<void> {
    const [source, control, target] = await Promise.all([
      this.source.createDatabase('source'),
      this.source.createDatabase('control'),
      this.target.createDatabase('target'),
    ])
    const table =
      'CREATE TABLE public.note (id bigint PRIMARY KEY, owner text NOT NULL, body text NOT NULL)'
    await this.pool(source).query(
      `${table}; INSERT INTO public.note SELECT n, 'user ' || n, 'text' FROM generate_series(1, 100) n`,
    )
    await this.pool(target).query(table)
    const port = await freePort()
    const plan = {
      control: { databaseUrl: control, token: CONTROL_TOKEN, port },
      monolith: {
        url: `http://127.0.0.1:${(this.#monolith.address() as AddressInfo).port}`,
        databaseUrl: source,
      },
      gateway: { port: 0, auth: { kind: 'none' }, identityKey: IDENTITY_KEY },
      extractions: [
        {
          name: 'notes',
          service: {
            url: `http://127.0.0.1:${(this.#monolith.address() as AddressInfo).port}`,
            databaseUrl: target,
          },
          routes: [{ methods: [], path: '/notes/*' }],
          tables: [{ source: 'public.note', target: 'public.note', owner: 'owner' }],
          shadow: { minimumCompared: 1_000_000 },
          verify: { share: 1 },
          ...change,
        },
      ],
    }
    const text = `const plan: object = ${JSON.stringify(plan)}\nexport default plan\n`
    await writeFile(join(this.supervisor.folder, 'banyan.config.ts'), text)
    const cwd = this.supervisor.folder
    this.#processes.set(
      'engine',
      await this.supervisor.process('engine', {
        file: BANYAN,
        args: ['serve'],
        cwd,
        readyMs: READY_MS,
      }),
    )
    const gateway = await this.supervisor.process('gateway', {
      file: BANYAN,
      args: ['gateway', '--log-level', 'warn'],
      cwd,
      readyMs: READY_MS,
      onEvent: ({ adminPort }) => {
        if (typeof adminPort === 'number') this.#adminPort = adminPort
      },
    })
    this.#processes.set('gateway', gateway)
    this.targets.push(
      { job: 'banyan-engines', address: `127.0.0.1:${port}` },
      { job: 'banyan-gateways', address: `127.0.0.1:${this.#adminPort}` },
    )
    await this.banyan(['start', 'notes'])
  }
}
