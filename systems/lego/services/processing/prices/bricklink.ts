import { setTimeout as delay } from 'node:timers/promises'
import { CircuitBreaker, type CircuitOptions, type CircuitState } from '@banyan/service'
import { z } from 'zod'
import { type Amount, AmountText, readAmount } from './amount.ts'
import { authorization, type OAuthKeys } from './oauth.ts'

/** Before each further attempt, ms, more or less: those that failed together do not come back so. */
const PAUSES_MS: readonly number[] = [500, 1_000, 2_000]
/** For one answer, ms. */
const ANSWER_MS = 5_000
/** For a call with all its attempts and pauses, ms. */
const CALL_MS = 15_000
/** The most offered part has some ten thousand offers of 100 bytes. */
const MOST_BYTES = 8 * 1024 * 1024

export type Stopped = 'BUDGET_SPENT' | 'UNAVAILABLE' | 'KEYS_REFUSED'

/** No price can be had now: BrickLink is away or too busy, refuses the keys, or the day's calls are spent. */
export class PricesUnavailable extends Error {
  readonly code: Stopped

  constructor(code: Stopped, message: string) {
    super(message)
    this.code = code
  }
}

/** An item in BrickLink's words. */
export interface Item {
  /** `PART`, `MINIFIG` and so on. */
  readonly type: string
  readonly no: string
  /** 0 where the item has no colour. */
  readonly colourId: number
}

/** What somebody wants to pay in, and for what. */
export interface Terms {
  /** New or used. */
  readonly condition: 'N' | 'U'
  /** ISO 4217. */
  readonly currency: string
}

export interface Price {
  /** False for an item that BrickLink does not know in that colour. */
  readonly known: boolean
  /** Average of what is offered, weighted by quantity; null where nothing is. */
  readonly average: Amount | null
  /** Pieces offered. */
  readonly offered: number
}

export interface BrickLinkOptions {
  readonly url: string
  readonly keys: OAuthKeys
  /** More at once are answered with a page in HTML. */
  readonly callsAtOnce: number
  /** Counts an attempt; false when those of the day are spent. */
  readonly mayCall: () => Promise<boolean>
  /** Told how each attempt ended: `ok`, `unknown_item`, or a code of PricesUnavailable in small letters. */
  readonly onAttempt?: (outcome: string) => void
  readonly onCircuit?: (state: CircuitState) => void
  readonly circuit?: Partial<CircuitOptions>
  readonly pausesMs?: readonly number[]
}

const Count = z.int().min(0)
const Envelope = z.object({
  meta: z.object({ code: z.int(), message: z.string(), description: z.string().default('') }),
  data: z.unknown(),
})
type Envelope = z.infer<typeof Envelope>
const PriceGuide = z.object({
  currency_code: z.string(),
  qty_avg_price: AmountText,
  price_detail: z.array(
    z
      .object({ quantity: Count.optional(), qunatity: Count.optional() })
      // BrickLink misspells it, and may mend that one day.
      .refine((offer) => (offer.quantity ?? offer.qunatity) !== undefined, 'has no quantity')
      .transform(({ quantity, qunatity }) => quantity ?? qunatity!),
  ),
})

/** BrickLink's price guide: the one source of prices there is. */
export class BrickLink {
  readonly #options: BrickLinkOptions
  readonly #circuit: CircuitBreaker
  readonly #waiting: (() => void)[] = []
  #calls = 0

  constructor(options: BrickLinkOptions) {
    this.#options = options
    const now = () => performance.now()
    this.#circuit = new CircuitBreaker(options.circuit ?? {}, now, options.onCircuit)
  }

  get circuit(): CircuitState {
    return this.#circuit.state
  }

  /** @throws PricesUnavailable, or the signal's reason */
  async price(item: Item, terms: Terms, signal: AbortSignal): Promise<Price> {
    await this.#enter()
    try {
      signal.throwIfAborted()
      return priceOf(await this.#get(urlOf(this.#options.url, item, terms), signal), terms)
    } finally {
      this.#leave()
    }
  }

  /** Tries again what is no answer of the API: a page in HTML, a connection that breaks. */
  async #get(url: URL, signal: AbortSignal): Promise<Envelope> {
    const { keys, mayCall, onAttempt, pausesMs = PAUSES_MS } = this.#options
    const whole = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)])
    for (let attempt = 0; ; attempt++) {
      const settle = this.#circuit.enter()
      if (!settle) throw new PricesUnavailable('UNAVAILABLE', 'BrickLink mostly failed just now')
      try {
        if (!(await mayCall())) {
          throw new PricesUnavailable('BUDGET_SPENT', 'The calls of this day are spent')
        }
        const answer = await once(url, keys, whole)
        settle('well')
        onAttempt?.(outcomeOf(answer.meta.code))
        return answer
      } catch (error) {
        settle(error instanceof NoAnswer && !signal.aborted ? 'failed' : 'unknown')
        signal.throwIfAborted()
        if (!(error instanceof NoAnswer)) throw error
        onAttempt?.('unavailable')
        const pause = pausesMs[attempt]
        if (pause === undefined || whole.aborted) {
          throw new PricesUnavailable('UNAVAILABLE', error.message)
        }
        await pauseOf(pause, whole)
        signal.throwIfAborted()
      }
    }
  }

  #enter(): Promise<void> | void {
    if (this.#calls < this.#options.callsAtOnce) {
      this.#calls++
      return
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Whoever waits takes the place over: the count stays. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#calls--
  }
}

function urlOf(base: string, { type, no, colourId }: Item, { condition, currency }: Terms): URL {
  const url = new URL(`/api/store/v1/items/${type}/${encodeURIComponent(no)}/price`, base)
  url.searchParams.set('guide_type', 'stock')
  url.searchParams.set('new_or_used', condition)
  url.searchParams.set('currency_code', currency)
  if (colourId !== 0) url.searchParams.set('color_id', String(colourId))
  return url
}

const UNKNOWN: Price = { known: false, average: null, offered: 0 }

/** @throws PricesUnavailable for failures that are not about the item */
function priceOf({ meta, data }: Envelope, { currency }: Terms): Price {
  const said = `BrickLink answers ${meta.code} ${meta.message}: ${meta.description}`
  // What it has no such item of is 404, or 400 with the item's number in the description.
  if (meta.code === 404 || meta.code === 400) return UNKNOWN
  if (meta.code === 401 || meta.code === 403) throw new PricesUnavailable('KEYS_REFUSED', said)
  if (meta.code === 429) throw new PricesUnavailable('BUDGET_SPENT', said)
  if (meta.code !== 200) throw new PricesUnavailable('UNAVAILABLE', said)
  const guide = PriceGuide.safeParse(data)
  if (!guide.success) {
    const why = z.prettifyError(guide.error)
    throw new PricesUnavailable('UNAVAILABLE', `BrickLink's price guide is not as it was: ${why}`)
  }
  // A currency that it does not count in is answered in another; the two must not be added up.
  if (guide.data.currency_code !== currency) return UNKNOWN
  const offered = guide.data.price_detail.reduce((sum, count) => sum + count, 0)
  return {
    known: true,
    average: offered === 0 ? null : readAmount(guide.data.qty_avg_price),
    offered,
  }
}

function outcomeOf(code: number): string {
  if (code === 200) return 'ok'
  if (code === 404 || code === 400) return 'unknown_item'
  if (code === 401 || code === 403) return 'keys_refused'
  return code === 429 ? 'budget_spent' : 'unavailable'
}

/** Nothing that BrickLink's API says; worth another attempt. */
class NoAnswer extends Error {}

/** @throws NoAnswer */
async function once(url: URL, keys: OAuthKeys, whole: AbortSignal): Promise<Envelope> {
  let status = 0
  let text: string
  try {
    const answer = await fetch(url, {
      headers: { authorization: authorization('GET', url, keys), accept: 'application/json' },
      signal: AbortSignal.any([whole, AbortSignal.timeout(ANSWER_MS)]),
      redirect: 'error',
    })
    status = answer.status
    text = await textOf(answer)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error }
    throw new NoAnswer(`BrickLink cannot be reached: ${cause?.message || message}`)
  }
  const envelope = Envelope.safeParse(parsed(text))
  if (!envelope.success) throw new NoAnswer(`BrickLink answers ${status}, and no JSON of its API`)
  return envelope.data
}

async function textOf(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of answer.body ?? []) {
    size += piece.length
    if (size > MOST_BYTES) throw new Error(`the answer has more than ${MOST_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Half of `ms` to one and a half; less when time is up. */
async function pauseOf(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
}
