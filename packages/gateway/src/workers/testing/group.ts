import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GatewayOptions, GatewayWorkers, type WorkerSettings } from '../../index.ts'

const WORKER = fileURLToPath(new URL('gateway-worker.ts', import.meta.url))

type Base = Pick<GatewayOptions, 'monolith'> & Partial<GatewayOptions>

/** Two workers of a gateway; one group a process. */
export class Group {
  readonly workers: GatewayWorkers
  readonly #folder: string
  readonly #base: Base

  private constructor(folder: string, base: Base) {
    this.#folder = folder
    this.#base = base
    this.workers = new GatewayWorkers({
      id: 'test',
      admin: { port: 0 },
      logLevel: 'silent',
      run: { exec: WORKER, args: [join(folder, 'settings.json')], execArgv: ['--import', 'tsx'] },
    })
  }

  /** @param base of the settings, which `set` changes. */
  static async start(base: Base): Promise<Group> {
    const group = new Group(await mkdtemp(join(tmpdir(), 'banyan-workers-')), base)
    await group.set({})
    await group.workers.start()
    return group
  }

  get url(): string {
    return `http://127.0.0.1:${this.workers.publicPort}`
  }

  /** What the next reload finds. */
  async set(change: Partial<GatewayOptions>): Promise<void> {
    const options: GatewayOptions = {
      id: 'of the settings',
      listen: { port: 0 },
      admin: { port: 0, token: 'admin-token-of-the-tests' },
      identityKey: 'identity-key-of-the-tests',
      auth: { kind: 'header', name: 'x-subject' },
      logLevel: 'silent',
      ...this.#base,
      ...change,
    }
    const settings: WorkerSettings = { options, workers: 2 }
    await writeFile(join(this.#folder, 'settings.json'), JSON.stringify(settings))
  }

  /** One request of Ann's; null when it got no whole answer. Over a connection of its own, unless an agent has others. */
  ask(path: string, agent: Agent | false = false): Promise<number | null> {
    return new Promise((resolve) => {
      const options = { agent, headers: { 'x-subject': 'ann' } }
      const request = get(this.url + path, options, (response) => {
        response.on('error', () => {})
        response.on('close', () => resolve(response.complete ? response.statusCode! : null))
        response.resume()
      })
      request.on('error', () => resolve(null))
    })
  }

  /** The sum of a figure's samples on the page of all workers. */
  async summed(name: string): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${this.workers.adminPort}/metrics`)).text()
    const lines = page.split('\n').filter((line) => line.startsWith(name))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  async stop(): Promise<void> {
    await this.workers.close()
    await rm(this.#folder, { recursive: true })
  }
}
