import cluster from 'node:cluster'
import type { Server } from 'node:http'
import { BanyanError } from '@banyan/contracts'
import { type Logger, pino } from 'pino'
import { combined, Exposition, type Family } from '../exposition.ts'
import { Cells } from '../limits/cells.ts'
import { type Output, openOutput } from '../logs.ts'
import type { GatewayOptions } from '../options.ts'
import type { Leave, WorkerSettings } from './messages.ts'
import { openPrimaryAdmin } from './primary-admin.ts'
import { Seats } from './seats.ts'
import { type Serves, Worker } from './worker.ts'

export interface WorkersOptions {
  /** Names the gateway; its workers are `ID-w1`, `ID-w2`, … at the control plane. */
  readonly id: string
  /**
   * Where the figures and the state of all are asked for. The workers' own admin listeners take the ports behind it,
   * two for each worker, since during a reload each has a successor; with port 0 all take free ones.
   */
  readonly admin: { readonly host?: string; readonly port: number }
  readonly logLevel?: GatewayOptions['logLevel']
  /** What a worker runs: a script with its arguments; by default what this process runs. It opens a `WorkerLink`. */
  readonly run?: { readonly exec: string; readonly args: string[]; readonly execArgv: string[] }
}

/** How long workers that are replaced keep idle connections, ms: clients that speak in this time notice nothing. */
const IDLE_MS = 5_000
/** The same when all end: whoever is about to send need not find a closed connection. */
const LAST_IDLE_MS = 250
/** Of `timeouts.closeMs`: streams are told to end by then. */
const STREAM_SHARE = 0.8
/** Beyond `timeouts.closeMs`, before a worker that was told to leave is killed, ms. */
const KILL_MS = 10_000
/** A worker that served for so long, ms, did not end for how it began. */
const STEADY_MS = 10_000
/** Between the end of a worker and its replacement, while they end quickly, ms. */
const REPLACE_MS = { first: 250, most: 10_000 }
/** So many ended quickly, one after the other: that is told as an error of its own. */
const MANY = 5

/** The processes that serve one gateway, on one port. They accept connections from it by themselves. */
export class GatewayWorkers {
  readonly #options: WorkersOptions
  readonly #output: Output
  readonly #log: Logger
  readonly #seats: Seats
  readonly #cells = new Cells()
  readonly #members = new Set<Worker>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #admin: Server | null = null
  #generation = 0
  #lastGeneration = 0
  #settings: WorkerSettings | null = null
  #publicUrl: string | null = null
  #publicPort = 0
  /** Counters of workers that are gone: what is told of all must not fall. */
  #past: readonly Family[] = []
  #endedQuickly = 0
  #ended = 0
  readonly #reloads = { done: 0, refused: 0 }
  #changing: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | null = null

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#output = openOutput()
    this.#log = pino(
      { name: 'gateway', level: options.logLevel ?? 'info' },
      this.#output.stream,
    ).child({ gateway: options.id })
    this.#seats = new Seats(options.admin.port)
    // Round robin would pass every connection through this process, and lose those on their way to a worker that dies.
    cluster.schedulingPolicy = cluster.SCHED_NONE
    cluster.setupPrimary({ ...options.run, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  }

  /** Where clients connect. */
  get publicPort(): number {
    return this.#publicPort
  }

  get adminPort(): number {
    return (this.#admin!.address() as { port: number }).port
  }

  get workers(): readonly Worker[] {
    return [...this.#members]
  }

  /** Resolves once all workers listen. @throws BanyanError why the first that failed did not. */
  async start(): Promise<void> {
    this.#admin = await openPrimaryAdmin(this.#options.admin, {
      metrics: () => this.metrics(),
      health: () => this.health(),
    })
    try {
      await this.#change()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /**
   * New workers with settings read anew take the place of those that serve, which finish what they are doing. Resolves once
   * the new ones serve.
   *
   * @throws BanyanError RELOAD_REFUSED when they do not; then nothing has changed.
   */
  async reload(): Promise<void> {
    const change = this.#changing.then(async () => {
      if (this.#closing) return
      // Two generations at most: each is as many processes.
      await Promise.all([...this.#members].filter(isLeaving).map(({ ended }) => ended))
      await this.#change()
    })
    this.#changing = change.catch(() => {})
    try {
      await change
      this.#reloads.done++
      this.#log.info({ workers: this.#settings?.workers }, 'reloaded')
    } catch (error) {
      this.#reloads.refused++
      const refused = new BanyanError(
        'RELOAD_REFUSED',
        { reason: (error as Error).message },
        { cause: error },
      )
      this.#log.error({ code: refused.code, reason: refused.message }, 'reload refused')
      throw refused
    }
  }

  /** All finish what is in flight, and end. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async metrics(): Promise<Family[]> {
    const pages = await Promise.all([...this.#members].map((worker) => worker.metrics()))
    const own = new Exposition()
      .family(
        'banyan_gateway_workers',
        'gauge',
        'Processes of the gateway',
        (['starting', 'serving', 'leaving'] as const).map((state) => [
          { state },
          [...this.#members].filter((worker) => worker.state === state).length,
        ]),
      )
      .family('banyan_gateway_workers_ended_total', 'counter', 'Workers that ended unasked', [
        [{}, this.#ended],
      ])
      .family('banyan_gateway_reloads_total', 'counter', 'Reloads, and what came of them', [
        [{ outcome: 'done' }, this.#reloads.done],
        [{ outcome: 'refused' }, this.#reloads.refused],
      ])
      .family(
        'banyan_gateway_log_lines_dropped_total',
        'counter',
        'Writes to the log that were dropped, since nobody read them fast enough',
        [[{}, this.#output.dropped()]],
      )
    return combined([...pages.filter((page) => page !== null), this.#past, own.families])
  }

  async health(): Promise<{ readonly ok: boolean } & Record<string, unknown>> {
    const workers = await Promise.all(
      [...this.#members].map(async (worker) => ({
        worker: worker.seat.number,
        pid: worker.pid,
        state: worker.state,
        adminPort: worker.serves?.adminPort ?? null,
        health: await worker.health(),
      })),
    )
    const serving = workers.filter(({ state, health }) => state === 'serving' && health?.ok)
    const ok = !this.#closing && serving.length > 0
    return { ok, gateway: this.#options.id, wanted: this.#settings?.workers ?? 0, workers }
  }

  /** A generation of workers begins; once all of it serve, those before leave. */
  async #change(): Promise<void> {
    const generation = ++this.#lastGeneration
    try {
      // The first reads the settings: what is wrong with them, one process finds out.
      const first = await this.#fork(generation, null).begun
      const { settings } = first
      const others = Array.from({ length: settings.workers - 1 }, () =>
        this.#fork(generation, settings),
      )
      await Promise.all(others.map(({ begun }) => begun))
      this.#commit(generation, first)
    } catch (error) {
      const all = [...this.#members].filter((worker) => worker.generation === generation)
      await Promise.all(all.map((worker) => worker.leave({ idleMs: 0, streamMs: 0 }, KILL_MS)))
      throw error
    }
  }

  #commit(generation: number, { settings, publicPort, publicUrl }: Serves): void {
    const before = [...this.#members].filter((worker) => worker.generation !== generation)
    const closeMs = closeMsOf(this.#settings)
    this.#generation = generation
    this.#settings = settings
    this.#publicPort = publicPort
    this.#publicUrl = publicUrl
    this.#cells.keepOnly(settings.options.limits?.rules.map(({ name }) => name) ?? [])
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#endedQuickly = 0
    const leave = { idleMs: Math.min(IDLE_MS, closeMs / 2), streamMs: closeMs * STREAM_SHARE }
    for (const worker of before) void worker.leave(leave, closeMs + KILL_MS)
    this.#fill()
  }

  /** As many workers as there should be, where some have ended meanwhile. */
  #fill(): void {
    if (this.#closing || !this.#settings) return
    const there = [...this.#members].filter(
      (worker) => worker.generation === this.#generation && worker.state !== 'leaving',
    )
    for (let i = there.length; i < this.#settings.workers; i++) {
      this.#fork(this.#generation, this.#settings)
    }
  }

  #fork(generation: number, settings: WorkerSettings | null): Worker {
    const seat = this.#seats.take()
    const worker = new Worker(
      seat,
      generation,
      { id: this.#options.id, settings, publicUrl: this.#publicUrl },
      (asking, { id, claims }) => {
        const callers = asking.settings?.options.limits?.callers ?? CALLERS
        const now = performance.now()
        const counted = claims.map((each) => this.#cells.count(each, callers, now))
        const serving = [...this.#members].filter(({ state }) => state === 'serving')
        asking.counted({ id, counted, workers: serving.length })
      },
      (lines) => this.#output.stream.write(lines),
    )
    this.#members.add(worker)
    worker.begun.then(
      ({ adminPort }) => this.#seats.reachedAt(seat, adminPort),
      (error: unknown) => this.#onFailed(worker, error as Error),
    )
    void worker.ended.then((how) => this.#onEnded(worker, how))
    return worker
  }

  #onFailed({ seat, state }: Worker, { message }: Error): void {
    if (state === 'leaving') return
    // The port may be what it could not have.
    this.#seats.reachedAt(seat, 0)
    this.#log.error({ worker: seat.number, reason: message }, 'a worker did not start')
  }

  #onEnded(worker: Worker, how: string): void {
    this.#members.delete(worker)
    this.#seats.give(worker.seat)
    this.#past = combined([this.#past, worker.figures.filter(({ type }) => type !== 'gauge')])
    if (this.#closing || worker.state === 'leaving') return
    this.#ended++
    this.#log.error({ worker: worker.seat.number, pid: worker.pid, how }, 'a worker ended')
    // Of a generation that is only beginning: whoever began it sees it.
    if (worker.generation !== this.#generation) return
    const { servingSince } = worker
    const steady = servingSince !== null && performance.now() - servingSince > STEADY_MS
    this.#endedQuickly = steady ? 0 : this.#endedQuickly + 1
    if (this.#endedQuickly >= MANY) {
      const { code, message } = new BanyanError('WORKERS_END', { ended: this.#endedQuickly, how })
      this.#log.error({ code, reason: message }, 'workers keep ending')
    }
    const times = Math.max(0, this.#endedQuickly - 1)
    const waitMs = steady ? 0 : Math.min(REPLACE_MS.first * 2 ** times, REPLACE_MS.most)
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#fill()
    }, waitMs)
    this.#timers.add(timer)
  }

  async #shutDown(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    const closeMs = closeMsOf(this.#settings)
    const leave: Leave = { idleMs: Math.min(LAST_IDLE_MS, closeMs), streamMs: 0 }
    await Promise.all([...this.#members].map((worker) => worker.leave(leave, closeMs + KILL_MS)))
    const admin = this.#admin
    if (admin) {
      admin.closeAllConnections()
      await new Promise((resolve) => admin.close(resolve))
    }
    this.#output.stream.end()
  }
}

/** Callers kept of each rule, where the settings do not say. */
const CALLERS = 100_000

function closeMsOf(settings: WorkerSettings | null): number {
  return settings?.options.timeouts?.closeMs ?? 30_000
}

function isLeaving({ state }: Worker): boolean {
  return state === 'leaving'
}
