import {
  BanyanError,
  type GatewayLease,
  type GatewayRegistration,
  type RouteTable,
} from '@banyan/contracts'
import type { Logger } from 'pino'
import { request } from 'undici'

export interface LeaseOptions {
  readonly urls: readonly string[]
  readonly token: string
  /** Moved routes stop this long before the lease ends, ms. */
  readonly marginMs: number
  /** ms on a monotonic clock. */
  readonly now: () => number
  /** The newest table's token and version, for the control plane to show. */
  readonly newest: () => { readonly token: number; readonly version: number }
  /** Asked before each renewal. @throws when nobody is there who could serve: then it is not renewed. */
  readonly ready?: () => Promise<void>
  /**
   * Takes the control plane's table over, null when there is none, and the lease with it, which ends at `endsAt` of
   * `now`. @throws when the table is older than ours.
   */
  readonly onTable: (table: RouteTable | null, endsAt: number) => void
  /** Moved routes may not be served any more, streams that are open included. */
  readonly onLost: () => void
  readonly log: Logger
}

/** Between two attempts after a failure, ms; the next URL is asked. */
const RETRY_MS = 250
/** A control plane that takes longer to answer, ms, is passed over. */
const ANSWER_MS = 2_000

/** The gateway's permission to serve moved routes, asked for anew every third of its length. */
export class Lease {
  readonly #options: LeaseOptions
  #registration: GatewayRegistration | null = null
  #url = 0
  #registered = false
  #renewedAt = Number.NEGATIVE_INFINITY
  #endsAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #asking: Promise<void> = Promise.resolve()
  #lossTimer: NodeJS.Timeout | null = null
  #closed = false
  #lost = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** Begins to register; renews until `close`. */
  start(registration: GatewayRegistration): void {
    this.#registration = registration
    this.#asking = this.#renew()
  }

  /** Why moved routes may not be served now; null while they may. */
  problem(): BanyanError | null {
    const now = this.#options.now()
    if (now < this.#endsAt - this.#options.marginMs) return null
    if (!this.#lost && this.#endsAt > 0) {
      this.#lost = true
      this.#options.log.error('the lease is lost: moved routes are refused')
      this.#options.onLost()
    }
    const ago = now - this.#renewedAt
    return new BanyanError('LEASE_LOST', { agoMs: Number.isFinite(ago) ? Math.round(ago) : 'no' })
  }

  /** Stops renewing and gives the lease back, so that handovers need not wait for its end. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#asking
    if (this.#lossTimer) clearTimeout(this.#lossTimer)
    if (!this.#registered) return
    this.#endsAt = Number.NEGATIVE_INFINITY
    await this.#send('DELETE', this.#ownPath()).catch(() => {})
  }

  async #renew(): Promise<void> {
    const { log, now, newest, ready } = this.#options
    let next = RETRY_MS
    try {
      await ready?.()
      const sentAt = now()
      const answer = this.#registered
        ? await this.#send('POST', `${this.#ownPath()}/renew`, newest())
        : await this.#send('POST', '/v1/gateways', this.#registration)
      if (answer === null) {
        // It has forgotten us: register again, at once.
        this.#registered = false
        next = 0
      } else {
        this.#take(answer, sentAt)
        next = answer.leaseMs / 3
        this.#watch()
      }
    } catch (error) {
      log.warn({ control: this.#base, reason: (error as Error).message }, 'renewing failed')
      this.#url = (this.#url + 1) % this.#options.urls.length
    }
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#asking = this.#renew()
    }, next)
  }

  /**
   * In one turn, so that no request sees the lease without the table; the lease first, since requests that
   * waited for the table go on within `onTable`. A table older than ours takes the lease back.
   */
  #take({ leaseMs, table }: GatewayLease, sentAt: number): void {
    const before = this.#endsAt
    this.#endsAt = sentAt + leaseMs
    try {
      this.#options.onTable(table, this.#endsAt)
    } catch (error) {
      this.#endsAt = before
      throw error
    }
    if (!this.#registered || this.#lost) this.#options.log.info({ leaseMs }, 'lease taken')
    this.#registered = true
    this.#lost = false
    this.#renewedAt = sentAt
  }

  /** Notices the end of the lease although no request may ask for it. */
  #watch(): void {
    if (this.#lossTimer) clearTimeout(this.#lossTimer)
    const left = this.#endsAt - this.#options.marginMs - this.#options.now()
    // Timers drop fractions of a millisecond: one that fired early would find the lease still there.
    this.#lossTimer = setTimeout(() => this.problem(), Math.max(0, Math.ceil(left) + 1))
  }

  get #base(): string {
    return this.#options.urls[this.#url]!.replace(/\/$/, '')
  }

  #ownPath(): string {
    return `/v1/gateways/${encodeURIComponent(this.#registration!.id)}`
  }

  /** @returns null when the gateway is not known there. */
  async #send(
    method: 'POST' | 'DELETE',
    path: string,
    json?: unknown,
  ): Promise<GatewayLease | null> {
    const { statusCode, body } = await request(this.#base + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#options.token}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
    })
    const text = await body.text()
    if (statusCode === 404 && path.endsWith('/renew')) return null
    if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${text.slice(0, 200)}`)
    return method === 'DELETE' ? null : leaseOf(JSON.parse(text))
  }
}

function leaseOf(given: unknown): GatewayLease {
  const { leaseMs, table } = (given ?? {}) as Partial<GatewayLease>
  if (typeof leaseMs !== 'number' || !(leaseMs > 0) || table === undefined) {
    throw new Error('the control plane answered no lease')
  }
  return { leaseMs, table }
}
