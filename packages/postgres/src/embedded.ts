import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { BUNDLED_MAJOR, embeddedBinaries } from './binaries.ts'

export interface EmbeddedOptions {
  /** Folder of the data; a temporary one, deleted at `stop`, when left out. An initialised folder is reused. */
  readonly dataDir?: string
  /** TCP port on 127.0.0.1; a free one when left out. */
  readonly port?: number
  /** Server settings over the defaults, e.g. `{ max_slot_wal_keep_size: '64MB' }`. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Major version; BANYAN_POSTGRES of the environment when left out, else the one that is installed with us. */
  readonly version?: number
}

const USER = 'postgres'
/** The server listens on loopback only; the password keeps other users of the machine out by accident, not by force. */
const PASSWORD = 'banyan'

/** What logical replication needs, and what keeps a throw-away server quick to start. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: 16,
  max_replication_slots: 16,
  max_connections: 200,
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  log_min_messages: 'warning',
} as const

const SETTINGS_FROM_14 = {
  // A dead client's backend is noticed within seconds, not at the next statement.
  client_connection_check_interval: '1s',
} as const

/** The unprivileged user PostgreSQL runs as when we are root (it refuses to run as root). */
const NOBODY = 65534

/** A PostgreSQL server of our own on 127.0.0.1, as a separate process. */
export class EmbeddedPostgres {
  readonly dataDir: string
  readonly port: number
  readonly version: number
  readonly #temporary: boolean
  readonly #settings: Readonly<Record<string, string | number>>
  #process: ChildProcess | null = null
  #log = ''

  private constructor(
    dataDir: string,
    port: number,
    version: number,
    temporary: boolean,
    settings: Readonly<Record<string, string | number>>,
  ) {
    this.dataDir = dataDir
    this.version = version
    this.port = port
    this.#temporary = temporary
    this.#settings = settings
  }

  /**
   * Initialises the folder when it is empty, starts the server and waits until it answers.
   *
   * @throws an Error when this major is not here, with the command that gets it.
   */
  static async start(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
    const temporary = options.dataDir === undefined
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'banyan-pg-')))
    const version = options.version ?? Number(process.env.BANYAN_POSTGRES ?? BUNDLED_MAJOR)
    const port = options.port ?? (await freePort())
    const server = new EmbeddedPostgres(dataDir, port, version, temporary, {
      ...SETTINGS,
      ...(version >= 14 ? SETTINGS_FROM_14 : {}),
      ...options.settings,
    })
    await initialise(dataDir, version)
    await server.start()
    return server
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get running(): boolean {
    return (
      this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null
    )
  }

  /** Connection URL of a database; `postgres` when left out. */
  url(database = 'postgres'): string {
    return `postgres://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${database}`
  }

  /** Starts the server again after `stop`, `kill` or a crash. */
  async start(): Promise<void> {
    if (this.running) return
    const { postgres } = await embeddedBinaries(this.version)
    const settings = Object.entries({ ...this.#settings, port: this.port }).flatMap(
      ([name, value]) => ['-c', `${name}=${value}`],
    )
    // A killed postmaster leaves children that hold the shared memory for a moment; until they are
    // gone a new one refuses to start.
    const deadline = Date.now() + 30_000
    for (;;) {
      this.#log = ''
      const child = spawn(postgres, ['-D', this.dataDir, ...settings], {
        ...identity(),
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      this.#process = child
      child.stderr?.on('data', (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-16_384)
      })
      if (await this.#answers(deadline)) return
      if (Date.now() > deadline || !/shared memory|lock file/.test(this.#log)) {
        throw new Error(`PostgreSQL did not start in ${this.dataDir}:\n${this.#log}`)
      }
      await delay(100)
    }
  }

  /** Stops the server cleanly (fast shutdown); deletes the folder when it was a temporary one. */
  async stop(): Promise<void> {
    await this.#end('SIGINT')
    if (this.#temporary) await rm(this.dataDir, { recursive: true, force: true })
  }

  /** Ends the server as a crash does: the postmaster and every backend at once, nothing flushed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGSTOP to the postmaster and every backend: it stands still and holds what it holds. */
  async pause(): Promise<void> {
    const { pid } = this
    if (pid === undefined || !this.running) return
    // It must not fork another one between the look and the signal.
    signal(pid, 'SIGSTOP')
    for (const backend of await childrenOf(pid)) signal(backend, 'SIGSTOP')
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    const { pid } = this
    if (pid === undefined || !this.running) return
    for (const backend of await childrenOf(pid)) signal(backend, 'SIGCONT')
    signal(pid, 'SIGCONT')
  }

  /** Creates a database when it is not there, and answers its URL. */
  async createDatabase(name: string): Promise<string> {
    const client = new pg.Client({ connectionString: this.url() })
    await client.connect()
    try {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [
        name,
      ])
      if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
    } finally {
      await client.end()
    }
    return this.url(name)
  }

  async #end(how: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child || !this.running) return
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    if (how === 'SIGKILL' && child.pid) await killFamily(child.pid)
    else child.kill(how)
    await exited
    this.#process = null
  }

  async #answers(deadline: number): Promise<boolean> {
    while (this.running && Date.now() < deadline) {
      const client = new pg.Client({ connectionString: this.url(), connectionTimeoutMillis: 1000 })
      client.on('error', () => {})
      try {
        await client.connect()
        return true
      } catch {
        await delay(20)
      } finally {
        await client.end().catch(() => {})
      }
    }
    return false
  }
}

/**
 * Kills a postmaster and all its backends. One that outlives its postmaster goes on until its
 * statement ends, commits it, and keeps the next server from starting; and each backend leads a
 * process group of its own, so that killing the postmaster's would spare them.
 */
async function killFamily(postmaster: number): Promise<void> {
  // It must not fork another one between the look and the kill.
  signal(postmaster, 'SIGSTOP')
  const backends = await childrenOf(postmaster)
  for (const pid of [postmaster, ...backends]) signal(pid, 'SIGKILL')
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself.
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid='])
    const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
    return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid!)
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      // After the name, which is in brackets and may hold anything: state, parent.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    }),
  )
  return pids.filter((_, i) => parents[i] === parent).map(Number)
}

async function initialise(dataDir: string, version: number): Promise<void> {
  await mkdir(dataDir, { recursive: true })
  if (
    await readFile(join(dataDir, 'PG_VERSION')).then(
      () => true,
      () => false,
    )
  )
    return
  const { initdb } = await embeddedBinaries(version)
  const passwordFile = `${dataDir}.password`
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 })
  const { uid } = identity()
  if (uid !== undefined) {
    await chown(dataDir, uid, uid)
    await chown(passwordFile, uid, uid)
  }
  try {
    await run(initdb, [
      `--pgdata=${dataDir}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ])
  } finally {
    await rm(passwordFile, { force: true })
  }
}

function identity(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
}

async function run(program: string, args: string[]): Promise<void> {
  await stat(program)
  const child = spawn(program, args, { ...identity(), stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`${program} ended with code ${code}:\n${log}`)
}

/** A TCP port on 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
