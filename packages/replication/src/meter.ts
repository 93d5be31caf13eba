import { formatLsn, parseLsn } from './lsn.ts'
import type { LinkStatus } from './types.ts'

/** As many as a minute has of them at the default heartbeat. */
const RECENT = 120

/** The numbers of a link. */
export class Meter {
  state: LinkStatus['state'] = 'idle'
  position = 0n
  transactions = 0
  rows = 0
  refusedRows = 0
  walStatus: string | null = null
  keptBytes = 0
  keptFor: string | null = null
  #walLsn = 0n
  #lastBeatAt: number | null = null
  readonly #heartbeatMs: number
  readonly #recent: number[] = []

  constructor(heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs
  }

  sawLog(lsn: string, walStatus: string | null): void {
    this.#walLsn = parseLsn(lsn)
    this.walStatus = walStatus
  }

  /** A heartbeat emitted at this time was committed on the other side now. */
  beat(emittedAt: number): void {
    this.#lastBeatAt = emittedAt
    this.#recent.push(Math.max(0, Date.now() - emittedAt))
    if (this.#recent.length > RECENT) this.#recent.shift()
  }

  status(): LinkStatus {
    const bytes = this.#walLsn - this.position
    return {
      state: this.state,
      lagMs: this.#lag(),
      lagBytes: bytes > 0n ? Number(bytes) : 0,
      position: formatLsn(this.position),
      transactions: this.transactions,
      rows: this.rows,
      refusedRows: this.refusedRows,
      walStatus: this.walStatus,
      keptBytes: this.keptBytes,
      keptFor: this.keptFor,
      recentLagMs: [...this.#recent],
    }
  }

  #lag(): number | null {
    if (this.#lastBeatAt === null) return null
    const sinceEmitted = Date.now() - this.#lastBeatAt
    // The next beat is overdue: the lag is at least as long as it has been missing.
    const overdue = sinceEmitted - 2 * this.#heartbeatMs
    return Math.max(this.#recent.at(-1)!, overdue > 0 ? sinceEmitted - this.#heartbeatMs : 0)
  }
}
