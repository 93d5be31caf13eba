import cluster from 'node:cluster'
import type { Problem } from '@banyan/contracts'
import type { OwnGateway } from '../gateway.ts'
import { urlOf } from '../listening.ts'
import type { GatewayOptions } from '../options.ts'
import {
  type Leave,
  SEAT,
  type Seat,
  type ToPrimary,
  type ToWorker,
  type WorkerSettings,
} from './messages.ts'
import { ANSWER_MS, PrimaryRates } from './primary-rates.ts'

/** A worker's half of the channel to its primary. */
export class WorkerLink {
  /** Of this generation; null where this worker is the first of it, and reads them. */
  readonly settings: WorkerSettings | null
  /** The primary wants this worker to leave, and says how. */
  readonly leaving: Promise<Leave>
  readonly #seat: Seat
  readonly #id: string
  readonly #publicUrl: string | null
  readonly #rates: PrimaryRates
  #gateway: OwnGateway | null = null

  private constructor(seat: Seat, begin: ToWorker & { kind: 'begin' }, answerMs: number) {
    this.#seat = seat
    this.#id = begin.id
    this.settings = begin.settings
    this.#publicUrl = begin.publicUrl
    this.#rates = new PrimaryRates(send, answerMs)
    this.leaving = new Promise((resolve) => {
      process.on('message', (message: ToWorker) => {
        if (message.kind === 'leave') resolve(message)
        else if (message.kind === 'ask') void this.#tell(message.id, message.what)
        else if (message.kind === 'counted') {
          this.#rates.counted(message.id, message.counted, message.workers)
        }
      })
    })
    // The primary is asked to reload by it; whoever signals the whole group means the primary.
    process.on('SIGHUP', () => {})
  }

  /**
   * Null in a process that is no worker of a gateway.
   *
   * @param answerMs a request waits no longer for the primary's count; then this worker judges by itself
   */
  static async open(answerMs = ANSWER_MS): Promise<WorkerLink | null> {
    const seat = process.env[SEAT]
    if (!cluster.isWorker || seat === undefined) return null
    const begin = await new Promise<ToWorker>((resolve) => {
      process.once('message', resolve)
      send({ kind: 'hello' })
    })
    if (begin.kind !== 'begin') throw new Error(`a worker begins with "begin", not "${begin.kind}"`)
    return new WorkerLink(JSON.parse(seat) as Seat, begin, answerMs)
  }

  /**
   * A worker registers as a gateway of its own: holds, drains and acknowledgements are then what they are with several
   * gateways, and one that crashes is one that vanished.
   */
  optionsFor({ options }: WorkerSettings): GatewayOptions {
    const { number, adminPort } = this.#seat
    const publicUrl = options.publicUrl ?? publicUrlOf(options) ?? this.#publicUrl
    const adminUrl = adminUrlOf(options.adminUrl, adminPort)
    return {
      ...options,
      id: `${this.#id}-w${number}`,
      admin: { ...options.admin, port: adminPort },
      counter: this.#rates,
      // A write in one worker would have to be over in all before it is answered; the plan is refused before.
      cache: 'off',
      // While others serve, a worker without a table would only take requests from those who have one.
      ...(this.#publicUrl === null ? {} : { tableFirst: true }),
      ...(publicUrl === null ? {} : { publicUrl }),
      ...(adminUrl === null ? {} : { adminUrl }),
    }
  }

  /** The gateway listens, and may be asked. */
  serves(gateway: OwnGateway, settings: WorkerSettings): void {
    this.#gateway = gateway
    const { publicPort, publicUrl, adminPort } = gateway
    send({ kind: 'serves', settings, publicPort, publicUrl, adminPort })
  }

  /** Resolves once the primary has it. */
  failed(problem: Problem): Promise<void> {
    return sent({ kind: 'failed', problem })
  }

  /** The gateway is closed: its figures are kept. */
  async ended(): Promise<void> {
    if (this.#gateway) await sent({ kind: 'last', metrics: await this.#gateway.metrics() })
  }

  async #tell(id: number, what: 'metrics' | 'health'): Promise<void> {
    const gateway = this.#gateway
    const starting = what === 'metrics' ? [] : { ok: false }
    const told = gateway === null ? starting : await gateway[what]()
    send({ kind: 'told', id, told })
  }
}

function send(message: ToPrimary): void {
  void sent(message)
}

/** A primary that is gone takes its workers along; until then nothing that is sent has to arrive. */
function sent(message: ToPrimary): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, {}, () => resolve())
    else resolve()
  })
}

/** Known before it listens, unless it takes a free port. */
function publicUrlOf({ listen: { host, port }, tls }: GatewayOptions): string | null {
  return port === 0 ? null : urlOf(port, host, tls ? 'https' : 'http')
}

/** Each worker has a port of its own; the host is the one that was given. */
function adminUrlOf(given: string | undefined, port: number): string | null {
  if (given === undefined) return null
  const url = new URL(given)
  url.port = String(port)
  return url.href.replace(/\/$/, '')
}
