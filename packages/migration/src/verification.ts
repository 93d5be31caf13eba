import type { VerifyReport } from '@banyan/replication'
import type { ExtractionDependencies } from './dependencies.ts'

/** A clean comparison is repeated after this long, ms: a rogue write must not stay unseen. */
const AGAIN_MS = 30_000
/** After a failed one (a database was away), ms. */
const RETRY_MS = 1_000

/** Compares all rows beside everything else, one run at a time, and keeps the newest result. */
export class Verification {
  readonly #d: ExtractionDependencies
  #running: Promise<void> | null = null
  #notBefore = 0
  #runs = 0
  #at = 0
  #report: VerifyReport | null = null

  constructor(dependencies: ExtractionDependencies) {
    this.#d = dependencies
  }

  /** The newest result; null while none counts. */
  get report(): VerifyReport | null {
    return this.#report
  }

  get figures(): { runs: number; report: VerifyReport | null; at: number } {
    return { runs: this.#runs, report: this.#report, at: this.#at }
  }

  get isDue(): boolean {
    return !this.#report || Date.now() - this.#at > AGAIN_MS
  }

  /** Begins a run. @returns false when one is running, or has just failed. */
  start(compare: () => Promise<VerifyReport>): boolean {
    if (this.#running || Date.now() < this.#notBefore) return false
    this.#running = this.#run(compare)
      .catch((error: Error) => {
        this.#d.log.warn({ err: error }, 'the comparison will be tried again')
        this.#notBefore = Date.now() + RETRY_MS
      })
      .finally(() => {
        this.#running = null
      })
    return true
  }

  /** What was found does not count any more: buckets have moved since, or an operator has looked at it. */
  forget(): void {
    this.#report = null
  }

  /** Resolves when no run is under way. */
  async atRest(): Promise<void> {
    await this.#running
  }

  async #run(compare: () => Promise<VerifyReport>): Promise<void> {
    const report = await compare()
    this.#report = report
    this.#runs++
    this.#at = Date.now()
    const { rows, divergent, settled } = report
    await this.#d.ledger.append(this.#d.plan.name, this.#d.term, [
      { kind: 'fact', what: 'verified', detail: { rows, divergent, settled } },
    ])
  }
}
