/** One JSON line for each request that a gateway answers. */
export interface AccessLogSetting {
  /**
   * Share of the requests that are logged, 0 to 1; 1 by default. Those that were refused, failed or were left by
   * their client are logged whatever it is.
   */
  readonly share?: number
  /**
   * Whether lines have the path beside the route's pattern; not by default: paths carry names of people and, in
   * links that are mailed, secrets. Queries are never logged.
   */
  readonly paths?: boolean
}

/** How long a gateway waits, all in ms. */
export interface TimeoutSetting {
  /** Until a connection to an upstream stands; 5,000. */
  readonly connectMs?: number
  /** Until a request's head is whole, from its first byte or the connection's begin; 10,000. */
  readonly headMs?: number
  /** In so long, a body that is not whole must bring 500 bytes a second; 30,000. */
  readonly bodyMs?: number
  /** From the request being sent to the answer's head; 5,000. */
  readonly answerMs?: number
  /** The same for requests whose body streams, or is a form with files; 60,000. */
  readonly uploadMs?: number
  /** Between two pieces of an answer's body; 300,000. */
  readonly idleMs?: number
  /** How long requests wait for the first word of the control plane after a start; 2,000. */
  readonly firstTableMs?: number
  /** How long `close` waits for requests in flight; 30,000. */
  readonly closeMs?: number
}

/** TLS towards clients. */
export interface TlsSetting {
  /** Path of the certificate in PEM, its own first, then those between it and the authority. */
  readonly cert: string
  /** Path of its key in PEM. */
  readonly key: string
  /** The oldest version that is spoken; TLSv1.2 by default. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Whether clients may ask for HTTP/2; by default they may. */
  readonly http2?: boolean
}

/** Bounds of the answers that a gateway keeps, on routes that want it. */
export interface CacheSetting {
  /** In all, bytes; 64 MiB. */
  readonly bytes?: number
  /** Answers in all; 10,000. */
  readonly answers?: number
  /** Of one user; 100. */
  readonly answersOfUser?: number
  /** Larger ones are not kept, bytes; 1 MiB. */
  readonly answerBytes?: number
}

/** When a gateway asks a side no more for a while, since it mostly fails. */
export interface BreakerSetting {
  /** Share of failures, 0 to 1, that opens it; 0.5 by default, and never with `off`. */
  readonly failures?: number | 'off'
  /** Requests looked at: those of this last time, ms; 10,000 by default. */
  readonly windowMs?: number
  /** With fewer requests than this it does not open; 20 by default. */
  readonly leastRequests?: number
  /** How long it refuses before one request may try, ms; 1,000 by default. */
  readonly openMs?: number
  /** Answers that are failures; 500, 502, 503 and 504 by default. */
  readonly statuses?: readonly number[]
  /** An answer whose head takes longer is a failure too, ms; by default none that comes before the timeout. */
  readonly slowMs?: number
}

/** How often reads may be sent a second time, after a connection failed. */
export interface RetrySetting {
  /** Share of the requests to each side; 0.2 by default. */
  readonly share?: number
  /** Retries that may be saved up, for connections that all end at once; 100 by default. */
  readonly saved?: number
}

/** What a gateway knows of one side that it sends requests to. */
export interface BreakerStats {
  /** `monolith` for what matches no route, else `EXTRACTION source` or `EXTRACTION target`. */
  readonly side: string
  readonly state: 'closed' | 'open' | 'half-open'
  /** Within the window. */
  readonly requests: number
  readonly failed: number
  /** Since the gateway started. */
  readonly opened: number
  readonly refused: number
  readonly retried: number
}
