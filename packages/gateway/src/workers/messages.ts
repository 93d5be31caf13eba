import type { Problem } from '@banyan/contracts'
import type { Family } from '../exposition.ts'
import type { Claim, Counted } from '../limits/rate-counter.ts'
import type { GatewayOptions } from '../options.ts'

/** What a worker is one of: read once, and then given to all workers of the same generation. Plain data. */
export interface WorkerSettings {
  readonly options: GatewayOptions
  readonly workers: number
}

export interface WorkerHealth {
  readonly ok: boolean
  readonly [more: string]: unknown
}

/** How a worker leaves. */
export interface Leave {
  /** Idle connections are kept so long, ms: their next request is answered, and ends them. */
  readonly idleMs: number
  /** Event streams and WebSockets are ended at a moment of their own within this time, ms. */
  readonly streamMs: number
}

/** Of the primary to a worker. The first is `begin`, the answer to `hello`. */
export type ToWorker =
  | {
      readonly kind: 'begin'
      /** Of the gateway; each worker adds its seat. */
      readonly id: string
      /** Null for the first of a generation, which reads them. */
      readonly settings: WorkerSettings | null
      /** Where clients reach the workers that serve already; null where none does yet. */
      readonly publicUrl: string | null
    }
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'metrics' | 'health' }
  | {
      readonly kind: 'counted'
      readonly id: number
      readonly counted: readonly (readonly Counted[])[]
      /** Workers that count. */
      readonly workers: number
    }
  | ({ readonly kind: 'leave' } & Leave)

/** Of a worker to the primary. */
export type ToPrimary =
  /** It listens to the primary now; what was sent before is lost. */
  | { readonly kind: 'hello' }
  | {
      readonly kind: 'serves'
      readonly settings: WorkerSettings
      readonly publicPort: number
      readonly publicUrl: string
      readonly adminPort: number
    }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'told'; readonly id: number; readonly told: Family[] | WorkerHealth }
  | { readonly kind: 'count'; readonly id: number; readonly claims: readonly (readonly Claim[])[] }
  /** What it has counted in all, before it ends. */
  | { readonly kind: 'last'; readonly metrics: Family[] }

/** The variable that tells a worker its seat. */
export const SEAT = 'BANYAN_GATEWAY_SEAT'

/** A worker's place among the others: its name, and where it is reached by the control plane. */
export interface Seat {
  readonly number: number
  /** 0 for a free one. */
  readonly adminPort: number
}
