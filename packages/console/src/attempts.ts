import { BanyanError } from '@banyan/contracts'

const MOST = 10
const WINDOW_S = 60
/** More addresses are not remembered: the oldest is forgotten. */
const MOST_ADDRESSES = 1_000

/** Failed attempts to sign in, by address: guessing a token is slow. */
export class Attempts {
  readonly #failed = new Map<string, number[]>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** @throws TOO_MANY_REQUESTS after ten failures within a minute. */
  check(address: string): void {
    const recent = this.#recent(address)
    if (recent.length < MOST) return
    const retryAfterS = Math.ceil(WINDOW_S - (this.#now() - recent[0]!) / 1000)
    throw new BanyanError('TOO_MANY_REQUESTS', {
      ...{ rule: 'failed sign-ins', requests: MOST, seconds: WINDOW_S, per: 'address' },
      retryAfterS,
    })
  }

  note(address: string): void {
    const recent = [...this.#recent(address), this.#now()]
    this.#failed.delete(address)
    this.#failed.set(address, recent)
    if (this.#failed.size <= MOST_ADDRESSES) return
    const [oldest] = this.#failed.keys()
    this.#failed.delete(oldest!)
  }

  #recent(address: string): number[] {
    const since = this.#now() - WINDOW_S * 1000
    return (this.#failed.get(address) ?? []).filter((at) => at > since)
  }
}
