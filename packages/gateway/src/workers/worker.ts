import cluster, { type Worker as Process } from 'node:cluster'
import { BanyanError } from '@banyan/contracts'
import type { Family } from '../exposition.ts'
import {
  type Leave,
  SEAT,
  type Seat,
  type ToPrimary,
  type ToWorker,
  type WorkerHealth,
  type WorkerSettings,
} from './messages.ts'
import { WholeLines } from './whole-lines.ts'

/** What a worker says once it listens. */
export type Serves = ToPrimary & { readonly kind: 'serves' }
type Begin = Omit<ToWorker & { readonly kind: 'begin' }, 'kind'>
type Count = ToPrimary & { readonly kind: 'count' }

/** A worker that neither serves nor fails in this time, ms, is taken for hung. */
const START_MS = 60_000
/** A worker that does not answer its primary in this time, ms, is left out of what is told. */
const TELL_MS = 2_000

/** One worker, as its primary sees it. */
export class Worker {
  readonly seat: Seat
  /** Workers of one generation have the same settings. */
  readonly generation: number
  /** Resolves once it listens. @throws BanyanError that says why it does not. */
  readonly begun: Promise<Serves>
  /** How it ended. */
  readonly ended: Promise<string>
  state: 'starting' | 'serving' | 'leaving' = 'starting'
  /** On the clock of `performance`, ms; null until it serves. */
  servingSince: number | null = null
  serves: Serves | null = null
  /** The figures it told last. */
  figures: readonly Family[] = []
  readonly #process: Process
  readonly #asked = new Map<number, (told: Family[] | WorkerHealth | null) => void>()
  #lastId = 0

  /**
   * @param onCount counts for its limits.
   * @param onLines takes what it writes to standard output, whole lines.
   */
  constructor(
    seat: Seat,
    generation: number,
    begin: Begin,
    onCount: (worker: Worker, count: Count) => void,
    onLines: (lines: string) => void,
  ) {
    this.seat = seat
    this.generation = generation
    this.#process = cluster.fork({ [SEAT]: JSON.stringify(seat) })
    // One that dies is noticed by its end; what could not be sent to it is lost with it.
    this.#process.on('error', () => {})
    this.#relay(onLines)
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code: number | null, signal: string | null) => {
        for (const answer of this.#asked.values()) answer(null)
        this.#asked.clear()
        resolve(signal === null ? `with code ${code}` : `by ${signal}`)
      })
    })
    this.begun = this.#begin(begin, onCount)
    // Whoever waits for it hears of it; a replacement's is logged by its end.
    this.begun.catch(() => {})
  }

  get pid(): number {
    return this.#process.process.pid!
  }

  get settings(): WorkerSettings | null {
    return this.serves?.settings ?? null
  }

  /** Null when it does not answer. */
  async metrics(): Promise<readonly Family[] | null> {
    const told = (await this.#ask('metrics')) as Family[] | null
    if (told) this.figures = told
    return told
  }

  async health(): Promise<WorkerHealth | null> {
    return (await this.#ask('health')) as WorkerHealth | null
  }

  counted(answer: Omit<ToWorker & { readonly kind: 'counted' }, 'kind'>): void {
    this.#send({ kind: 'counted', ...answer })
  }

  /** Takes nothing new and finishes; one that has not ended after `deadlineMs` is killed. */
  async leave(leave: Leave, deadlineMs: number): Promise<void> {
    const starting = this.state === 'starting'
    this.state = 'leaving'
    if (starting) this.kill()
    else this.#send({ kind: 'leave', ...leave })
    const timer = setTimeout(() => this.kill(), deadlineMs)
    await this.ended
    clearTimeout(timer)
  }

  kill(): void {
    this.#process.process.kill('SIGKILL')
  }

  #begin(begin: Begin, onCount: (worker: Worker, count: Count) => void): Promise<Serves> {
    return new Promise((resolve, reject) => {
      const seconds = START_MS / 1000
      const fail = (reason: string) =>
        reject(new BanyanError('WORKER_FAILED', { worker: this.seat.number, reason }))
      const timer = setTimeout(() => {
        fail(`it did not listen within ${seconds} s`)
        this.kill()
      }, START_MS)
      void this.ended.then((how) => {
        clearTimeout(timer)
        fail(`it ended ${how} before it listened; standard error may say why`)
      })
      this.#process.on('message', (message: ToPrimary) => {
        if (message.kind === 'hello') this.#send({ kind: 'begin', ...begin })
        else if (message.kind === 'count') onCount(this, message)
        else if (message.kind === 'last') this.figures = message.metrics
        else if (message.kind === 'told') {
          this.#asked.get(message.id)?.(message.told)
          this.#asked.delete(message.id)
        } else if (message.kind === 'failed') {
          reject(new BanyanError(message.problem.code, message.problem))
        } else if (message.kind === 'serves') {
          clearTimeout(timer)
          this.serves = message
          this.servingSince = performance.now()
          if (this.state === 'starting') this.state = 'serving'
          resolve(message)
        }
      })
    })
  }

  async #ask(what: 'metrics' | 'health'): Promise<Family[] | WorkerHealth | null> {
    if (this.state === 'starting') return null
    const id = ++this.#lastId
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id)
        resolve(null)
      }, TELL_MS)
      this.#asked.set(id, (told) => {
        clearTimeout(timer)
        resolve(told)
      })
      this.#send({ kind: 'ask', id, what })
    })
  }

  #send(message: ToWorker): void {
    if (this.#process.isConnected()) this.#process.send(message, () => {})
  }

  #relay(onLines: (lines: string) => void): void {
    const { stdout } = this.#process.process
    if (!stdout) return
    const lines = new WholeLines(onLines)
    stdout.setEncoding('utf8')
    stdout.on('data', (piece: string) => lines.add(piece))
    stdout.on('error', () => {})
    stdout.on('close', () => lines.end())
  }
}
