import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BucketSet, type RouteTable } from '@banyan/contracts'
import { percentile } from '@banyan/lab'
import { rounded } from '../statistics.ts'
import { Control } from './control.ts'
import type { Figures } from './goals.ts'

const WORKERS = 2
const CHANGES = 200
/** Between two changes, ms. */
const EVERY_MS = 25
/** After so many changes all workers are replaced. */
const RELOAD_EVERY = 60
const CLIENTS = 16
const TOKEN = 'token of the benchmark'
const BINARY = fileURLToPath(new URL('../../packages/cli/bin/banyan.js', import.meta.url))

/**
 * Route tables that change, and workers that are replaced, while clients ask: half of them over connections that they keep,
 * half over new ones. An answer by a table older than the newest that was acknowledged when it was asked for has failed.
 */
export async function measureChanges(): Promise<Pick<Figures, 'reloads' | 'propagationMsP99'>> {
  // Answers what it was asked for: the table says which version that is.
  const service = createServer((request, response) => response.end(request.url))
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  const control = new Control(TOKEN, table(url, 1))
  const folder = await mkdtemp(join(tmpdir(), 'bench-gateway-'))
  const plan = join(folder, 'banyan.config.ts')
  await writeFile(plan, `export default ${JSON.stringify(planOf(url, await control.listen()))}\n`)
  const gateway = await Command.start(['gateway', '--config', plan, '--workers', String(WORKERS)])
  let acknowledged = 1
  let running = true
  let requests = 0
  const failures: string[] = []
  const kept = new Agent({ keepAlive: true })
  try {
    await gateway.line(({ msg }) => msg === 'lease taken')
    const clients = Array.from({ length: CLIENTS }, async (_, i) => {
      while (running) {
        const least = acknowledged
        const answer = await ask(gateway.port, i % 2 === 0 ? kept : false)
        requests++
        const version = Number(/^\/v(\d+)\/things$/.exec(answer)?.[1])
        if (!(version >= least)) failures.push(`${answer}, at least ${least} is asked for`)
      }
    })
    const took: number[] = []
    let processes = 0
    let reloading: Promise<unknown> = Promise.resolve()
    for (let version = 2; version <= CHANGES + 1; version++) {
      took.push(await control.publish(table(url, version)))
      acknowledged = version
      if (version % RELOAD_EVERY === 0) {
        await reloading
        processes++
        reloading = gateway.reload()
      }
      await delay(EVERY_MS)
    }
    await reloading
    running = false
    await Promise.all(clients)
    for (const failure of failures.slice(0, 5)) console.log(`  failed: ${failure}`)
    return {
      reloads: { changes: took.length, processes, requests, failed: failures.length },
      propagationMsP99: rounded(percentile(took, 0.99), 1),
    }
  } finally {
    running = false
    kept.destroy()
    await gateway.end()
    control.close()
    service.closeAllConnections()
    service.close()
    await rm(folder, { recursive: true })
  }
}

/** `banyan gateway`, as it is run. */
class Command {
  readonly #child: ChildProcess
  readonly #waiting = new Set<(line: Line) => void>()
  port = 0

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [BINARY, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout! }).on('line', (text) => {
      const line = JSON.parse(text) as Line
      for (const take of this.#waiting) take(line)
    })
  }

  static async start(args: readonly string[]): Promise<Command> {
    const command = new Command([...args, '--log-level', 'info'])
    const ended = new Promise<never>((_, reject) => {
      command.#child.once('exit', (code) => reject(new Error(`it ended with code ${code}`)))
    })
    ended.catch(() => {})
    const { port } = await Promise.race([command.line(({ event }) => event === 'listening'), ended])
    command.port = port!
    return command
  }

  /** The next line of its output that is meant. */
  line(isMeant: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve) => {
      const take = (line: Line) => {
        if (!isMeant(line)) return
        this.#waiting.delete(take)
        resolve(line)
      }
      this.#waiting.add(take)
    })
  }

  /** Resolves when the new workers serve. @throws Error when they do not. */
  async reload(): Promise<void> {
    const told = this.line(({ msg }) => msg === 'reloaded' || msg === 'reload refused')
    this.#child.kill('SIGHUP')
    const { msg, reason } = await told
    if (msg !== 'reloaded') throw new Error(reason)
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGTERM')
    await gone
  }
}

interface Line {
  readonly event?: string
  readonly port?: number
  readonly msg?: string
  readonly reason?: string
}

/** What was answered; or what went wrong. */
function ask(port: number, agent: Agent | false): Promise<string> {
  return new Promise((resolve) => {
    const asked = get({ port, host: '127.0.0.1', path: '/api/things', agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('error', () => {})
      response.on('close', () => resolve(response.complete ? text : 'an answer that broke off'))
    })
    asked.on('error', (error) => resolve(error.message))
  })
}

/** Everything to one service, under a path that tells the version. */
function table(url: string, version: number): RouteTable {
  return {
    token: 1,
    version,
    monolith: url,
    extractions: [
      {
        extraction: 'things',
        target: url,
        routes: [{ methods: [], path: '/api/*', rewrite: { from: '/api', to: `/v${version}` } }],
        targetBuckets: BucketSet.all.toString(),
        hold: null,
        shadow: null,
      },
    ],
  }
}

function planOf(url: string, controlPort: number) {
  const databaseUrl = 'postgres://127.0.0.1/nobody-asks-it'
  return {
    control: { databaseUrl, token: TOKEN, port: controlPort },
    monolith: { url, databaseUrl },
    gateway: {
      port: 0,
      auth: { kind: 'none' },
      identityKey: 'key of the benchmark',
      accessLog: { share: 0 },
    },
    extractions: [
      {
        name: 'things',
        kind: 'routes',
        service: { url },
        routes: [{ methods: [], path: '/api/*' }],
      },
    ],
  }
}
