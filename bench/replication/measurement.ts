import type { Supervisor } from '@banyan/lab'

/** How much is measured. */
export interface Sizes {
  /** Copied and verified. */
  readonly rows: number
  /** Of each comparison. */
  readonly rounds: number
  /** A backlog's, of one round of one workload. */
  readonly backlogTransactions: number
  /** One window of the steady load, s. */
  readonly lagSeconds: number
  /** Single-row writes of a round, without the guard and with it. */
  readonly guardWrites: number
  readonly guardBulkRows: number
  readonly largeTransactionMb: number
  readonly handovers: number
}

export interface MeasureOptions {
  readonly supervisor: Supervisor
  readonly sizes: Sizes
}

/** What the report is asked for; each member is there once its measurement ran. */
export interface Figures {
  copy?: Readonly<Record<string, number>>
  apply?: Readonly<Record<string, number>>
  lagMs?: Readonly<Record<string, number>>
  verifyRowsPerSecond?: number
  guardOverhead?: number
  guardSplit?: number
  guardBulk?: Readonly<Record<string, number>>
  largeTransactionRssMb?: number
  holdMs?: Readonly<Record<string, number>>
}

/** What one measurement found. */
export interface Measured {
  readonly figures: Figures
  /** Every round, and what else somebody may ask for. */
  readonly details: Readonly<Record<string, unknown>>
  /** For people: what, and how much of it. */
  readonly lines: readonly (readonly [string, string])[]
  /** What a reader has to know to repeat it or to doubt it. */
  readonly notes: readonly string[]
}

export function perSecond(value: number, of: string): string {
  return `${Math.round(value).toLocaleString('en')} ${of}/s`
}
