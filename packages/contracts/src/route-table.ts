import type { BreakerStats } from './gateway-settings.ts'
import type { LimitStats } from './limits.ts'

/**
 * The route table: what the control plane tells every gateway. It is swapped whole, never patched.
 * A gateway refuses a table whose `token` is below the highest it has seen, or, under the same
 * token, whose `version` is not above its own.
 */
export interface RouteTable {
  /** Token of the engine that wrote it (handover.md, "Engine token"). */
  readonly token: number
  readonly version: number
  /** Base URL of the monolith: whatever matches no route goes there, untouched. */
  readonly monolith: string
  /** Nothing goes to the monolith any more: what matches no route is answered 404, who is not known by the target. */
  readonly retired?: boolean
  readonly extractions: readonly ExtractionRoutes[]
}

export interface ExtractionRoutes {
  readonly extraction: string
  /** Base URL of the service. */
  readonly target: string
  readonly routes: readonly RouteRule[]
  /** The buckets whose requests go to the target: a BucketSet in hexadecimal. */
  readonly targetBuckets: string
  /** Buckets being handed over now; null when none. */
  readonly hold: Hold | null
  /** Shadow reads; null when off. */
  readonly shadow: ShadowSetting | null
}

export interface Hold {
  /** BucketSet in hexadecimal. */
  readonly buckets: string
  /** Hold reads too ("move reads"); writes are always held. */
  readonly reads: boolean
  /** How long one request may be held, ms. Past it: 503 with Retry-After, never forwarded. */
  readonly budgetMs: number
  /** Names the attempt, so that acknowledgements cannot be mistaken for an older attempt's. */
  readonly attempt: string
}

export interface ShadowSetting {
  /** Share of eligible reads that are copied to the other side, 0 to 100. */
  readonly percent: number
  /** JSON paths left out of the comparison, e.g. `$.items[*].updatedAt`. */
  readonly ignore: readonly string[]
}

/** Requests that go one way together. */
export interface RouteRule {
  /** Method names in capitals; empty means any. */
  readonly methods: readonly string[]
  /** A path with `:name` segments, and `/*` at the end for anything below. */
  readonly path: string
  /** Whether it changes data; by default GET, HEAD and OPTIONS are reads. */
  readonly access?: 'read' | 'write'
  /** Applied to the canonical path when the request goes to the target. */
  readonly rewrite?: PathRewrite
  /** Whose row it is about; by default the authenticated subject. */
  readonly owner?: OwnerSource
  /** Answers to its GETs may be kept by the gateway, for the user who asked; they are not by default. */
  readonly cache?: RouteCache
}

/** Another path at the service than clients ask for. */
export interface PathRewrite {
  /** What the path begins with. */
  readonly from: string
  /** What stands there instead. */
  readonly to: string
}

/** How long answers are kept; docs/gateway.md says which. */
export interface RouteCache {
  /** How long answers are kept that do not say it themselves (`Cache-Control`, `Expires`), s; not at all by default. */
  readonly seconds?: number
}

/** Where the owner key of a request is found. */
export type OwnerSource =
  /** Whoever asks, by `gateway.auth`. */
  | { readonly from: 'subject' }
  | {
      readonly from: 'header'
      /** Of the header. */
      readonly name: string
    }
  | {
      readonly from: 'path'
      /** Of a `:name` segment of the route's path. */
      readonly name: string
    }
  | {
      readonly from: 'query'
      /** Of the parameter. */
      readonly name: string
    }
  | {
      readonly from: 'body'
      /** Of the JSON object that the body is (`a.b` goes inside), or of the form. */
      readonly field: string
    }
  /** Nothing in the request says whose row it is: the tables move as one bucket. */
  | { readonly from: 'whole' }

/** How the gateway learns who is asking. */
export type AuthSetting =
  | {
      readonly kind: 'jwks'
      /** Of the JSON Web Key Set that tokens are signed with. */
      readonly url: string
      /** `iss` that a token must have. */
      readonly issuer: string
      /** `aud` that a token must have. */
      readonly audience: string
      /** Claim that is the subject; `sub` by default. */
      readonly claim?: string
      /** Authorization scheme before the token; `Bearer` by default. */
      readonly scheme?: string
    }
  | {
      readonly kind: 'secret'
      /** HMAC key of HS256 tokens. */
      readonly secret: string
      /** `iss` that a token must have; any by default. */
      readonly issuer?: string
      /** `aud` that a token must have; any by default. */
      readonly audience?: string
      /** Claim that is the subject; `sub` by default. */
      readonly claim?: string
      /** Authorization scheme before the token; `Bearer` by default. */
      readonly scheme?: string
    }
  | {
      readonly kind: 'header'
      /** Of the header that names who asks. Something in front of the gateway must set it, and nobody else reach it. */
      readonly name: string
    }
  | {
      /** An opaque session, looked up in the monolith's database. */
      readonly kind: 'session'
      /** Name of the cookie that has it. */
      readonly cookie?: string
      /** Name of the header that has it. */
      readonly header?: string
      /** Authorization scheme before the token when `header` is `authorization`, e.g. `Token`. */
      readonly scheme?: string
      /** Of the database that is asked. */
      readonly databaseUrl: string
      /** Takes the token as $1, answers one row with one column: the owner key. */
      readonly query: string
      /** How long an answer may be reused, ms; 5,000 by default. */
      readonly cacheMs?: number
    }
  | { readonly kind: 'none' }

/** What a gateway tells the control API when it starts. Answered with a `GatewayLease`. */
export interface GatewayRegistration {
  readonly id: string
  /** Base URL of its admin listener. */
  readonly adminUrl: string
  /** Base URL clients use. */
  readonly publicUrl: string
}

/** Answer to registering and to each renewal. */
export interface GatewayLease {
  /** How long the gateway may serve moved routes from now on, ms, measured from when it *sent* the request. */
  readonly leaseMs: number
  /** The newest table, or null while there is none. */
  readonly table: RouteTable | null
}

/** A gateway's answer to being given a table. */
export interface TableAcknowledgement {
  readonly gateway: string
  readonly token: number
  readonly version: number
  /** Every request the hold is about (writes; reads too when the hold says so) has left the old owner. */
  readonly drained: boolean
  /** How many were still in flight when the wait ended. */
  readonly inFlight: number
  /** How many requests are waiting in the hold queue. */
  readonly held: number
}

/** Counters since the gateway started; monotone, except where said. */
export interface GatewayStats {
  readonly gateway: string
  readonly extractions: readonly ExtractionStats[]
  readonly limits: readonly LimitStats[]
  readonly breakers: readonly BreakerStats[]
}

export interface ExtractionStats {
  readonly extraction: string
  readonly source: SideStats
  readonly target: SideStats
  readonly shadow: ShadowStats
  readonly holds: {
    readonly held: number
    readonly released: number
    readonly refused: number
    /** Clients that left while they were held. */
    readonly abandoned?: number
    /** How long requests were held, ms: the newest 1,000. */
    readonly recentMs: readonly number[]
  }
  /** Requests replayed once on the other side after BN001. */
  readonly replayed: number
}

export interface SideStats {
  readonly requests: number
  /** Answers of 500 and above, and upstream failures. */
  readonly errors: number
  /** Cumulative latency histogram: count of answers that took at most `LATENCY_BOUNDS_MS[i]`. */
  readonly latency: readonly number[]
}

export const LATENCY_BOUNDS_MS = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 30000,
] as const

export interface ShadowStats {
  readonly compared: number
  readonly differing: number
  /** Not sent, or not compared, because shadowing was behind or the candidate failed to answer in time. */
  readonly dropped: number
  /** Differences by JSON path (or `status`, `header:NAME`), most frequent first, at most 50. */
  readonly differences: readonly {
    readonly path: string
    readonly count: number
    readonly example: { readonly request: string; readonly owner: string; readonly other: string }
  }[]
}
