/** How many requests a caller may make; of several rules for one request each counts it. */
export interface LimitRule {
  /** Unique; named to the caller who is refused, and in the gateway's figures. */
  readonly name: string
  /** What is at and below them is counted together; `/` is every path. */
  readonly paths: readonly string[]
  /** All methods when left out. */
  readonly methods?: readonly string[]
  /** `user`: the verified subject, and the address of whoever is none. `address`: always that. */
  readonly per: 'user' | 'address'
  /** So many come back, evenly spread, in `seconds`. */
  readonly requests: number
  /** In how many, s. */
  readonly seconds: number
  /** So many at once after a pause; as many as `requests` by default. */
  readonly burst?: number
}

/** What a gateway limits, and whom it believes about addresses. */
export interface LimitSetting {
  /** Each counts for itself. */
  readonly rules: readonly LimitRule[]
  /**
   * Addresses or networks (`10.0.0.0/8`) of proxies in front of the gateway: of their requests the address
   * is the last one in X-Forwarded-For that is none of theirs.
   */
  readonly proxies?: readonly string[]
  /** Callers kept in memory for each rule; 100,000 by default. Beyond, the one not seen longest is forgotten. */
  readonly callers?: number
  /** Counts over all gateways; without it each counts for itself. */
  readonly redis?: SharedLimitSetting
}

/** Where several gateways count together. */
export interface SharedLimitSetting {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string
  /** Begins each key; those with the same one count together. `banyan:limits:` by default. */
  readonly prefix?: string
  /** How long a request waits for it, ms; 100 by default. */
  readonly answerMs?: number
  /**
   * What limits do while it is away. `share`: each gateway counts for itself and lets pass its part of what all may.
   * `open`: everything passes. `closed`: nothing that a rule is for. By default `share`.
   */
  readonly whenAway?: 'share' | 'open' | 'closed'
}

/** Requests that a rule let pass and refused, since the gateway started. */
export interface LimitStats {
  readonly rule: string
  readonly passed: number
  readonly refused: number
  /** Judged without Redis although it is to count; 0 where none is. */
  readonly alone: number
}
