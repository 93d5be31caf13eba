import { setTimeout as delay } from 'node:timers/promises'
import { type Claimable, claim, claimSql, Lease, type Tables } from '@banyan/durable'
import { rootCause } from '@banyan/service'
import { readLots } from '../jobs/lot-pages.ts'
import type { Context } from '../jobs/store.ts'
import type { EstimateFound } from '../messages.ts'
import { BrickLink, type Item, PricesUnavailable, type Stopped } from './bricklink.ts'
import { FRESH } from './estimates.ts'
import { itemOf, numbersOf } from './items.ts'
import { countCall, type KeptPrice, keepPrice, keptPrices, keyOf } from './price-cache.ts'
import type { BrickLinkSettings } from './settings.ts'
import { tally } from './tally.ts'

/** How long an estimate stays a process's own without a sign of life, ms. */
const LEASE_MS = 15_000
/** How often estimates are looked for when there was none, ms. */
const POLL_MS = 100
/** Prices asked for before another estimate has its turn. */
const SLICE = 250
const MINUTE_MS = 60_000
/** Before BrickLink is asked again, ms: half of it to one and a half. */
const WAIT_MS = { UNAVAILABLE: 5 * MINUTE_MS, KEYS_REFUSED: 60 * MINUTE_MS }

/** An estimate that somebody asked for; a row, so that it outlives whoever works on it. */
const CLAIMABLE: Claimable = {
  table: 'estimates',
  ready: `state <> 'completed'`,
  order: 'leased_until',
  returning: `t.job_id, t.condition, t.currency, t.token, t.begun_at - ${FRESH} AS fresh_from`,
}

interface ClaimedEstimate {
  readonly job_id: string
  readonly condition: 'N' | 'U'
  readonly currency: string
  readonly token: string
  readonly fresh_from: Date
}

/** Makes estimates, one at a time; several processes may run one on the same database. */
export class Estimator {
  readonly #context: Context
  readonly #tables: Tables
  readonly #claim: string
  readonly #bricklink: BrickLink
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined

  constructor(context: Context, settings: BrickLinkSettings) {
    const { metrics, pool, log } = context
    this.#context = context
    this.#tables = { pool, schema: 'processing', prefix: 'processing.' }
    this.#claim = claimSql(this.#tables, CLAIMABLE)
    const calls = metrics.counter(
      'bricklink_calls_total',
      'Calls to BrickLink, further attempts included, by how they ended',
      ['outcome'],
    )
    this.#bricklink = new BrickLink({
      ...settings,
      mayCall: () => countCall(pool, settings.callsPerDay),
      onAttempt: (outcome) => calls.inc({ outcome }),
      onCircuit: (state) => log.warn({ circuit: state }, 'the circuit of BrickLink changed'),
    })
    metrics.gauge('bricklink_circuit_open', 'Whether BrickLink is not being asked', () => [
      { value: Number(this.#bricklink.circuit !== 'closed') },
    ])
  }

  start(): void {
    this.#loop = this.#takeAll()
  }

  /** Gives back what is being worked on: prices that were answered are kept. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the process stops'))
    await this.#loop
  }

  async #takeAll(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const taken = await this.#takeOne().catch((error: unknown) => {
        const reason = rootCause(error).message
        if (!signal.aborted) this.#context.log.warn({ reason }, 'an estimate is tried again')
        return false
      })
      if (!taken) await delay(POLL_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #takeOne(): Promise<boolean> {
    const takenAt = performance.now()
    const { pool } = this.#context
    const claimed = await claim<ClaimedEstimate>(pool, this.#claim, 1, LEASE_MS)
    const one = claimed?.rows[0]
    if (!one) return false
    const lease = new Lease(this.#tables, 'estimates', one.token, LEASE_MS, takenAt)
    try {
      const signal = AbortSignal.any([lease.lost, this.#stopping.signal])
      await this.#write(one, await this.#slice(one, signal))
    } finally {
      lease.end()
      // Where nothing was written, somebody else may go on at once when this process ends.
      if (this.#stopping.signal.aborted) await this.#giveBack(one)
    }
    return true
  }

  /** Asks for some of the prices that are missing, or old, and adds up what is known by then. */
  async #slice(one: ClaimedEstimate, signal: AbortSignal) {
    const { pool } = this.#context
    const all = { after: -1, limit: Number.POSITIVE_INFINITY, unresolved: false }
    const lots = (await readLots(pool, one.job_id, all)).map(({ lot }) => lot)
    const numbers = await numbersOf(pool, lots)
    const items = new Map<string, Item>()
    for (const lot of lots) {
      const item = itemOf(lot, numbers)
      if (typeof item !== 'string') items.set(keyOf(item), item)
    }
    const prices = await keptPrices(pool, [...items.values()], one)
    const due = [...items].filter(([key]) => !isFresh(prices.get(key), one.fresh_from))
    const slice = due.slice(0, SLICE)
    const stopped = await this.#ask(slice, one, prices, signal)
    const more = due.length > slice.length
    return { found: tally(lots, numbers, prices), stopped, more }
  }

  /** Asks for prices, so many at once as BrickLink bears. @returns why it ended before it had all */
  async #ask(
    items: readonly (readonly [string, Item])[],
    one: ClaimedEstimate,
    prices: Map<string, KeptPrice>,
    signal: AbortSignal,
  ): Promise<Stopped | null> {
    const queue = items.values()
    let stopped: Stopped | null = null
    const asker = async () => {
      for (const [key, item] of queue) {
        if (stopped !== null) return
        try {
          const price = await this.#bricklink.price(item, one, signal)
          prices.set(key, await keepPrice(this.#context.pool, item, one, price))
        } catch (error) {
          const passing = error instanceof PricesUnavailable
          if (passing && stopped === null) {
            this.#context.log.warn({ reason: error.message }, 'no prices now')
          }
          stopped ??= passing ? error.code : 'UNAVAILABLE'
          if (!passing) throw error
        }
      }
    }
    const { callsAtOnce } = this.#context.config.BRICKLINK!
    // The others end their call first: nothing of this estimate goes on once it is given back.
    const ends = await Promise.allSettled(Array.from({ length: callsAtOnce }, asker))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return stopped
  }

  /** Writes how far it is; nothing, where somebody else has it by now. */
  async #write(
    { token }: ClaimedEstimate,
    result: { found: EstimateFound; stopped: Stopped | null; more: boolean },
  ): Promise<void> {
    const { found, stopped, more } = result
    const state = stopped ? 'waiting' : more ? 'working' : 'completed'
    await this.#context.pool.query(
      `UPDATE processing.estimates SET found = $2, state = $3, stopped = $4,
         leased_until = clock_timestamp() + $5 * interval '1 ms',
         token = nextval('processing.lease_token')
       WHERE token = $1`,
      [token, found, state, stopped, stopped ? waitMs(stopped, Date.now()) : 0],
    )
  }

  async #giveBack({ token }: ClaimedEstimate): Promise<void> {
    await this.#context.pool.query(
      `UPDATE processing.estimates SET leased_until = '-infinity',
         token = nextval('processing.lease_token')
       WHERE token = $1`,
      [token],
    )
  }
}

function isFresh(price: KeptPrice | undefined, from: Date): boolean {
  return price !== undefined && price.fetchedAt >= from
}

/** Until it is worth to ask again, ms; never the same, so that processes do not come back together. */
function waitMs(stopped: Stopped, nowMs: number): number {
  const spread = 0.5 + Math.random()
  if (stopped !== 'BUDGET_SPENT') return WAIT_MS[stopped] * spread
  const day = 24 * 60 * MINUTE_MS
  return day - (nowMs % day) + 10 * MINUTE_MS * spread
}
