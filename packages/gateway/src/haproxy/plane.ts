import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BanyanError,
  BucketSet,
  type ExtractionRoutes,
  type ExtractionStats,
  type RouteTable,
} from '@banyan/contracts'
import type { Logger } from 'pino'
import { Pool, request } from 'undici'
import { type HaproxySettings, haproxyEnvironment, renderHaproxy } from './configuration.ts'
import { HaproxyKeys } from './keys.ts'
import { NO_TABLE, tableMaps } from './maps.ts'
import { HaproxyProcess } from './process.ts'
import { RuntimeApi } from './runtime.ts'
import { readStats } from './stats.ts'

/** Between two looks whether HAProxy is there, and whether it wants a key, ms. */
const WATCH_MS = 250
/** Between two looks at what is on its way, ms. */
const DRAIN_LOOK_MS = 5

export interface PlaneOptions {
  readonly settings: HaproxySettings
  readonly command: string
  readonly now: () => number
  readonly log: Logger
  /** Told of each HAProxy that serves from now on. */
  readonly onProcess: (pid: number) => void
}

/** What HAProxy is to do: kept here, and made so there, again after each of its ends. */
export class HaproxyPlane {
  readonly #options: PlaneOptions
  readonly #api: RuntimeApi
  readonly #process: HaproxyProcess
  readonly #keys: HaproxyKeys | null
  readonly #metrics: Pool
  /** One change at a time, in their order. */
  #changes: Promise<unknown> = Promise.resolve()
  #table: RouteTable | null = null
  #applied: RouteTable | null = null
  /** Until when moved routes are served, ms since the machine started. */
  #leaseUntil = 0
  #watching: Promise<void> | null = null
  readonly #closing = new AbortController()

  constructor(options: PlaneOptions) {
    const { settings, command, now, log } = options
    const { folder, auth } = settings
    this.#options = options
    this.#api = new RuntimeApi(folder)
    this.#process = new HaproxyProcess(
      { folder, command, environment: haproxyEnvironment(settings) },
      this.#api,
    )
    this.#keys =
      auth.kind === 'jwks'
        ? new HaproxyKeys({
            ...{ url: auth.url, folder, now },
            publish: (lines) => this.#api.replaceMap('keys', lines),
            onTrouble: (reason) => log.warn({ reason }, 'the key set could not be fetched'),
          })
        : null
    this.#metrics = new Pool('http://haproxy', { socketPath: join(folder, 'metrics.sock') })
  }

  /** The table HAProxy goes by. */
  get applied(): RouteTable | null {
    return this.#applied
  }

  get pid(): number | null {
    return this.#process.pid
  }

  /** Takes over the HAProxy that runs from the folder, else starts one. Moved routes wait for a lease. */
  async open(): Promise<void> {
    const files = renderHaproxy(this.#options.settings, null)
    if (await this.#process.attach(files)) {
      // Before anything else: whose table it has, and since when, nobody knows any more.
      await this.#api.setInMap('state', 'lease', '0')
      this.#options.log.info({ pid: this.pid }, 'HAProxy was running, and is taken over')
    } else await this.#process.start(files)
    this.#options.onProcess(this.#process.pid!)
    this.#watching = this.#watch()
  }

  /** @throws Error when HAProxy does not answer. */
  async check(): Promise<void> {
    await this.#sought()
  }

  /**
   * Has HAProxy go by a table, and serve moved routes until then. Changes are made in the order they are asked for.
   *
   * @param until ms on the options' clock; left out, the lease stays as it is.
   * @throws BanyanError DATA_PLANE_AWAY when HAProxy does not take it.
   */
  async apply(table: RouteTable | null, until?: number): Promise<void> {
    const leaseUntil = until === undefined ? null : this.#onUptime(until)
    await this.#change(async () => {
      await this.#applyTable(table ?? NO_TABLE)
      if (leaseUntil === null) return
      this.#leaseUntil = leaseUntil
      await this.#api.setInMap('state', 'lease', String(leaseUntil))
    })
  }

  /** Ends event streams and WebSockets of these backends, as far as it can be asked. */
  async endStreams(extractions: readonly string[], sides: readonly string[]): Promise<void> {
    for (const extraction of extractions) {
      for (const side of sides) {
        await this.#api.shutDown(`${extraction}.${side}.streams/it`).catch(() => {})
      }
    }
  }

  /**
   * Waits up to `drainMs` until nothing is on its way of what a table's holds are about.
   *
   * @returns how much still is.
   */
  async drained(table: RouteTable, drainMs: number, only: string | null): Promise<number> {
    const held = table.extractions.filter(
      ({ extraction, hold }) => hold && (only === null || only === extraction),
    )
    const deadline = performance.now() + drainMs
    for (;;) {
      const count = held.length === 0 ? 0 : await this.#inFlight(held)
      if (count === 0 || performance.now() >= deadline) return count
      await delay(DRAIN_LOOK_MS)
    }
  }

  async stats(): Promise<{ waiting: number; extractions: readonly ExtractionStats[] }> {
    return readStats(await this.#ask('banyan stats'), await this.#ask('show stat -1 2 -1'))
  }

  /** HAProxy's own page for Prometheus. */
  async metrics(): Promise<string> {
    const { body } = await request('http://haproxy/metrics', { dispatcher: this.#metrics })
    return body.text()
  }

  /** HAProxy takes nothing new, and finishes what it has, for `graceMs` at most. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort()
    await this.#watching
    await this.#changes
    await this.#process.end(graceMs)
    await this.#metrics.destroy()
  }

  async #applyTable(table: RouteTable): Promise<void> {
    const before = this.#applied
    if (before && sameTable(before, table)) return
    this.#table = table
    this.#applied = null
    const { routes, buckets, state } = tableMaps(table)
    // Routes first: one whose buckets are not there yet waits for them.
    await this.#api.replaceMap('routes', routes)
    await this.#api.replaceMap('buckets', buckets)
    for (const [key, value] of state) await this.#api.setInMap('state', key, value)
    this.#applied = table
    this.#options.log.info({ token: table.token, version: table.version }, 'route table taken')
    for (const { extraction, sides } of movedAway(before ?? NO_TABLE, table)) {
      await this.endStreams([extraction], sides)
    }
  }

  /** What follows on what failed is tried all the same. */
  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(work).catch((error: unknown) => {
      if (error instanceof BanyanError) throw error
      throw new BanyanError(
        'DATA_PLANE_AWAY',
        { dataPlane: 'HAProxy', reason: (error as Error).message },
        { cause: error },
      )
    })
    this.#changes = done.catch(() => {})
    return done
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        // Asked though there are no keys to look for: whether it is there must be known.
        const sought = await this.#sought()
        await this.#keys?.look(sought)
      } catch {
        if (!(await this.#process.isAlive()))
          await this.#change(() => this.#revive()).catch(() => {})
      }
      await delay(WATCH_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** HAProxy has ended: another one, with what the one before it had. */
  async #revive(): Promise<void> {
    const { settings, log, onProcess } = this.#options
    log.error('HAProxy has ended; it is started again')
    try {
      await this.#process.start(renderHaproxy(settings, this.#table))
      this.#applied = this.#table
      onProcess(this.#process.pid!)
      await this.#keys?.publish()
      await this.#api.setInMap('state', 'lease', String(this.#leaseUntil))
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'HAProxy could not be started')
      throw error
    }
  }

  async #sought(): Promise<number> {
    const answer = await this.#api.ask('banyan sought')
    if (!/^\d+$/.test(answer)) throw new Error(`HAProxy answered "${answer.slice(0, 100)}"`)
    return Number(answer)
  }

  #ask(command: string): Promise<string> {
    return this.#api.ask(command)
  }

  async #inFlight(held: readonly ExtractionRoutes[]): Promise<number> {
    const scopes = new Map(
      held.map(({ extraction, hold }) => [
        extraction,
        { buckets: BucketSet.parse(hold!.buckets), reads: hold!.reads },
      ]),
    )
    const answer = await this.#ask('show table flights data.conn_cur gt 0')
    if (!answer.startsWith('# table: flights')) throw new Error(answer.slice(0, 100))
    let count = 0
    for (const [, extraction, bucket, kind, flights] of answer.matchAll(FLIGHT)) {
      const scope = scopes.get(extraction!)
      if (!scope?.buckets.has(Number(bucket)) || (kind === 'read' && !scope.reads)) continue
      count += Number(flights)
    }
    return count
  }

  #onUptime(until: number): number {
    const left = until - this.#options.now()
    return Math.max(0, Math.floor(uptimeMs() + left))
  }
}

const FLIGHT = /key=([^/\s]+)\/(\d+)\/(read|write) .*?conn_cur=(\d+)/g

/** Lua reads the same file: the clock of both must go on while either stands still. */
function uptimeMs(): number {
  return Math.round(Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000)
}

function sameTable(a: RouteTable, b: RouteTable): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The sides that lost buckets. */
function movedAway(
  before: RouteTable,
  after: RouteTable,
): { extraction: string; sides: string[] }[] {
  const owned = ({ extractions }: RouteTable, name: string) => {
    const found = extractions.find(({ extraction }) => extraction === name)
    return found ? BucketSet.parse(found.targetBuckets) : BucketSet.none
  }
  const names = new Set([...before.extractions, ...after.extractions].map((one) => one.extraction))
  return [...names].map((extraction) => {
    const [was, is] = [owned(before, extraction), owned(after, extraction)]
    const sides = [
      ...(is.minus(was).size > 0 ? ['source'] : []),
      ...(was.minus(is).size > 0 ? ['target'] : []),
    ]
    return { extraction, sides }
  })
}
