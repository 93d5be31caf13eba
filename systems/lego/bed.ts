import type { ManagedProcess, Supervisor } from '@banyan/lab'
import type { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { ownDatabaseSql } from './service-database.ts'
import { type Lego, type LegoOptions, startLego } from './topology.ts'
import { TrialLoad } from './trial.ts'

/**
 * A LEGO system for one move after the other. The servers, the monolith and the services stay; data
 * and control plane begin anew each time, from copies of the databases as they were filled: starting
 * everything anew took much of a run's time and showed nothing.
 */
export class Bed {
  readonly supervisor: Supervisor
  readonly lego: Lego
  readonly load: TrialLoad
  #used = false

  private constructor(supervisor: Supervisor, lego: Lego) {
    this.supervisor = supervisor
    this.lego = lego
    this.load = new TrialLoad(supervisor)
  }

  static async start(supervisor: Supervisor, options: LegoOptions): Promise<Bed> {
    const targets = [...options.extractions, 'banyan']
    const lego = await startLego(supervisor, {
      ...options,
      onFilled: async ({ source, target }) => {
        await keep(source, 'lego')
        for (const name of targets) await keep(target, name)
      },
    })
    return new Bed(supervisor, lego)
  }

  /** Everything as it was before the first move. Not after a run that found something: see what it left. */
  async renew(): Promise<void> {
    if (!this.#used) {
      this.#used = true
      return
    }
    const { source, target, engines, gateways, extractions } = this.lego
    const plane: ManagedProcess[] = [...engines, ...gateways]
    await Promise.all(plane.map((one) => one.kill()))
    const shared = (name: string) => [`CREATE DATABASE ${name} TEMPLATE ${copyOf(name)}`]
    const own = (name: string) => ownDatabaseSql(name, copyOf(name))
    await Promise.all([
      restore(source, ['lego'], shared),
      restore(target, ['banyan'], shared),
      restore(target, extractions, own),
    ])
    await Promise.all(plane.map((one) => one.start()))
  }
}

const copyOf = (name: string) => `${name}_as_filled`

async function keep(server: EmbeddedPostgres, name: string): Promise<void> {
  await withClient(server, async (client) => {
    // A database is copied only while nobody is connected; whoever was comes back by itself.
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
      [name],
    )
    await client.query(`CREATE DATABASE ${copyOf(name)} TEMPLATE ${name}`)
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  })
}

/** @param create what makes a database anew: of whom it is, and who may connect, is not copied with it */
async function restore(
  server: EmbeddedPostgres,
  names: readonly string[],
  create: (name: string) => readonly string[],
): Promise<void> {
  await withClient(server, async (client) => {
    for (const name of names) {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
      for (const sql of create(name)) await client.query(sql)
    }
  })
}

async function withClient(
  server: EmbeddedPostgres,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ connectionString: server.url() })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
