/** When calls to somebody who mostly fails are refused. */
export interface CircuitOptions {
  /** Share of failures, 0 to 1, that opens the circuit; 0.5 by default. */
  readonly failures: number
  /** Calls looked at: those of this last time, ms; 10,000 by default. */
  readonly windowMs: number
  /** With fewer calls than this the circuit does not open; 10 by default. */
  readonly leastCalls: number
  /** How long an open circuit refuses before one call may try, ms; 5,000 by default. */
  readonly openMs: number
}

const CIRCUIT_DEFAULTS: CircuitOptions = {
  failures: 0.5,
  windowMs: 10_000,
  leastCalls: 10,
  openMs: 5_000,
}

export type CircuitState = 'closed' | 'open' | 'half-open'

/** How a call that was let through ended; `unknown` when it tells nothing, e.g. its caller left. */
export type Outcome = 'well' | 'failed' | 'unknown'

/** Told once how the call ended. */
export type Settle = (outcome: Outcome) => void

/** The window in parts: old calls are forgotten a part at a time. */
const PARTS = 10

/**
 * Refuses calls to a service that mostly fails, and lets one through at a time to see whether it is well
 * again. Others are refused meanwhile rather than queued behind a trial that may hang; one that has not
 * ended after `openMs` is joined by another, or whoever made it could keep the circuit from closing.
 */
export class CircuitBreaker {
  readonly #options: CircuitOptions
  readonly #now: () => number
  readonly #onChange: (state: CircuitState) => void
  #state: CircuitState = 'closed'
  #parts: { at: number; calls: number; failed: number }[] = []
  #openedAt = 0
  /** Since when a call tries; null while none does. */
  #trialAt: number | null = null
  /** Raised with each change of state: a call let through before it says nothing about what came after. */
  #term = 0

  constructor(
    options: Partial<CircuitOptions>,
    now: () => number,
    onChange: (state: CircuitState) => void = () => {},
  ) {
    this.#options = { ...CIRCUIT_DEFAULTS, ...options }
    this.#now = now
    this.#onChange = onChange
  }

  get state(): CircuitState {
    return this.#state
  }

  /** Lets a call through, or answers null: it must not be made. */
  enter(): Settle | null {
    if (this.#state === 'open' && this.waitMs === 0) this.#change('half-open')
    if (this.#state === 'open') return null
    if (this.#state === 'half-open') {
      const now = this.#now()
      if (this.#trialAt !== null && now - this.#trialAt < this.#options.openMs) return null
      this.#trialAt = now
    }
    const term = this.#term
    return (outcome) => {
      if (term === this.#term) this.#settle(outcome)
    }
  }

  /** Begins anew, closed: what was seen says nothing any more. */
  reset(): void {
    this.#parts = []
    if (this.#state !== 'closed') this.#change('closed')
  }

  /** Until a call may try again, ms. */
  get waitMs(): number {
    if (this.#state !== 'open') return 0
    return Math.max(0, Math.ceil(this.#openedAt + this.#options.openMs - this.#now()))
  }

  /** Of the window that is looked at. */
  get counts(): { calls: number; failed: number } {
    this.#forget()
    const sum = (of: 'calls' | 'failed') => this.#parts.reduce((all, part) => all + part[of], 0)
    return { calls: sum('calls'), failed: sum('failed') }
  }

  #settle(outcome: Outcome): void {
    if (this.#state === 'half-open') {
      this.#trialAt = null
      if (outcome === 'well') this.#change('closed')
      else if (outcome === 'failed') this.#open()
      return
    }
    if (outcome === 'unknown') return
    this.#count(outcome === 'failed')
    // A share of failures is not raised by what went well: most calls end here.
    if (outcome === 'well') return
    const { calls, failed } = this.counts
    const { leastCalls, failures } = this.#options
    if (calls >= leastCalls && failed / calls >= failures) this.#open()
  }

  #count(failed: boolean): void {
    const now = this.#now()
    let part = this.#parts.at(-1)
    if (!part || now - part.at >= this.#options.windowMs / PARTS) {
      this.#forget()
      part = { at: now, calls: 0, failed: 0 }
      this.#parts.push(part)
    }
    part.calls++
    if (failed) part.failed++
  }

  #forget(): void {
    const oldest = this.#now() - this.#options.windowMs
    this.#parts = this.#parts.filter((part) => part.at > oldest)
  }

  #open(): void {
    this.#openedAt = this.#now()
    this.#change('open')
  }

  #change(state: CircuitState): void {
    this.#state = state
    this.#term++
    this.#trialAt = null
    if (state === 'closed') this.#parts = []
    this.#onChange(state)
  }
}
