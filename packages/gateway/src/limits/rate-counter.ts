/** What one rule asks about one caller. */
export interface Claim {
  readonly rule: string
  readonly caller: string
  /** Between two requests, ms. */
  readonly intervalMs: number
  /** How far ahead of now the caller's bucket may be empty, ms. */
  readonly depthMs: number
  /** How far it was by what this process heard last, ms. */
  readonly knownMs: number
}

/** What is counted of a claim: whether it passes, and how far ahead of now its bucket is empty, ms. */
export interface Counted {
  readonly allowed: boolean
  readonly aheadMs: number
}

/** Where several processes count together. */
export interface RateCounter {
  /** Processes that count here, as far as is known. */
  readonly gateways: number
  /** It says nothing now. */
  readonly away: boolean
  open(): Promise<void>
  /**
   * Counts the claims of one request in their order, up to the first that is refused.
   *
   * @throws Error when it is away or late: nothing is known then.
   */
  take(claims: readonly Claim[]): Promise<Counted[]>
  close(): Promise<void>
}
