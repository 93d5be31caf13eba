import { BanyanError, BucketSet } from '@banyan/contracts'
import { declaredLosses, type LinkProblem, type SideName } from '@banyan/replication'
import { Abandonment } from './abandonment.ts'
import type { Cargo, CargoFigures, Progress } from './cargo.ts'
import type { TablesDependencies } from './dependencies.ts'
import { finishCancel, finishComplete } from './ending.ts'
import { Live } from './live.ts'
import { RowRepairs } from './row-repairs.ts'
import { isAnswer, isPassing, isStale } from './sides.ts'
import type { ExtractionStatus, HandoverRecord, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'
import { tablesFigures } from './tables-figures.ts'
import { Transitions } from './transitions.ts'
import { Verification } from './verification.ts'

/** A gateway asks again for 2 s: up to this lag, ms, what then differs is not for the lag. */
const SHADOW_LAG_MS = 500

/** Rows: copied, followed both ways, compared, and handed over under guards (docs/handover.md). */
export class TablesCargo implements Cargo {
  readonly #d: TablesDependencies
  #verification: Verification
  readonly #repairs: RowRepairs
  readonly #to: Transitions
  readonly #abandonment: Abandonment
  #live: Live | null = null
  #problem: LinkProblem | null = null
  #toldProblem: LinkProblem | null = null
  /** Why the sides could not be opened, when trying again does not mend it. */
  #unusable: string | null = null

  constructor(dependencies: TablesDependencies) {
    this.#d = dependencies
    this.#verification = new Verification(dependencies)
    this.#repairs = new RowRepairs(dependencies)
    this.#to = new Transitions(dependencies)
    this.#abandonment = new Abandonment(dependencies)
  }

  get owned(): BucketSet {
    return this.#live?.owned ?? BucketSet.none
  }

  get attempts(): number {
    return this.#d.plan.handover.attempts
  }

  get divergent(): number | null {
    return this.#verification.divergent
  }

  lags(): readonly (number | null)[] {
    return this.#live?.lags() ?? [null]
  }

  inStep(): boolean {
    const bound = Math.min(this.#d.plan.gates.lagMs, SHADOW_LAG_MS)
    return this.lags().every((lag) => lag !== null && lag <= bound)
  }

  async rest(): Promise<void> {
    const live = this.#live
    this.#live = null
    await this.#verification.stop()
    await live?.close()
  }

  async take(row: ExtractionRow, signal: AbortSignal): Promise<readonly string[] | null> {
    if (row.wanted.includes('abandoning')) {
      await this.rest()
      await this.#abandonment.begin(row, signal)
      return this.#abandonment.waitsFor
    }
    if (row.phase === 'abandoned' && !this.#live) {
      const returned = await this.#abandonment.returned(row)
      if (!returned) return this.#abandonment.waitsFor
    }
    return this.#live ? null : this.#open(row, signal)
  }

  /** A plan that cannot work, or a privilege that is missing, pauses the extraction with what was said. */
  async #open(row: ExtractionRow, signal: AbortSignal): Promise<readonly string[] | null> {
    const ending = row.wanted.includes('completing') || row.wanted.includes('cancelling')
    if (this.#unusable !== null && row.paused && !ending) return [this.#unusable]
    this.#unusable = null
    try {
      this.#live = await Live.open(this.#d, row, signal, (problem) => this.#onProblem(problem))
      return null
    } catch (error) {
      // What may go well the next time is tried again: pausing here would leave buckets without an owner.
      const passing = isStale(error) || isPassing(error)
      const final = !passing && (error instanceof BanyanError || isAnswer(error))
      if (!final) throw error
      this.#unusable = (error as Error).message
      await this.#to.pause(row, this.#unusable)
      return [this.#unusable]
    }
  }

  #onProblem(problem: LinkProblem): void {
    this.#d.log[problem.fatal ? 'error' : 'warn']({ problem }, problem.message)
    if (problem.fatal) this.#problem = problem
  }

  async tick(row: ExtractionRow): Promise<boolean> {
    if (this.#problem) {
      await this.#stopFor(row, this.#problem)
      return false
    }
    if (row.wanted.includes('verify')) {
      this.#verification.again()
      await this.#to.change(row, { wanted: row.wanted.filter((one) => one !== 'verify') }, null)
    }
    if (row.phase !== 'copying') {
      const live = this.#live!
      this.#verification.tick(live.comparing)
      this.#repairs.tick(live, () => this.#verification.lookAgain())
    }
    return true
  }

  /** A stream that cannot go on stops the extraction, visibly; traffic stays where it is. */
  async #stopFor(row: ExtractionRow, problem: LinkProblem): Promise<void> {
    if (problem.kind === 'stale-token') throw new Error(problem.message)
    if (problem.kind === 'server-changed') {
      // Taken up anew, it is seen that the servers are others, and both sides are closed.
      this.#problem = null
      return this.rest()
    }
    if (row.paused) return
    if (this.#toldProblem === problem) {
      // Resumed since: both sides and the streams are taken up anew, and say so if it is still so.
      this.#problem = null
      return this.rest()
    }
    this.#toldProblem = problem
    await this.#to.pause(row, problem.message, { problem: problem.kind })
  }

  async fill(row: ExtractionRow): Promise<Progress> {
    const live = this.#live!
    live.copyLimit = row.copyLimit
    if (row.paused) {
      await live.stopCopy()
      return { waitsFor: [] }
    }
    if (live.copyDone) {
      await live.startReverse()
      return { done: { rows: live.copy.rows } }
    }
    if (live.copyFailed) {
      const why = live.copyFailed
      live.copyFailed = null
      await this.#to.pause(row, why)
    } else live.startCopy()
    const { rowsPerSecond, why } = live.throttle()
    const limit = rowsPerSecond === null ? [] : [`a throttle of ${rowsPerSecond} rows/s (${why})`]
    return { waitsFor: ['the copy to end', ...limit] }
  }

  async check(row: ExtractionRow): Promise<Progress> {
    if (row.paused) return { waitsFor: [] }
    const { report, divergent } = this.#verification
    if (!report || divergent === null) return { waitsFor: ['the comparison of all rows'] }
    if (divergent > this.#d.plan.gates.divergentRows) {
      this.#verification.forget()
      await this.#to.pause(row, `${divergent} rows differ after the copy`)
      return { waitsFor: [] }
    }
    return { done: { rows: report.rows, divergent: report.divergent } }
  }

  owes(phase: Phase): readonly string[] {
    const { report, divergent } = this.#verification
    if (phase !== 'shadowing') return report ? [] : ['the comparison of all rows']
    const differing = (divergent ?? 0) > this.#d.plan.gates.divergentRows
    return differing ? [`${divergent} rows to agree`] : []
  }

  async handOver(buckets: BucketSet, from: SideName, attempt: number): Promise<HandoverRecord> {
    const live = this.#live!
    const record = await live.handOver(buckets, from, attempt)
    await live.noteWhole()
    if (record.outcome === 'done') {
      live.owned = from === 'source' ? live.owned.union(buckets) : live.owned.minus(buckets)
      this.#verification.forget()
    }
    return record
  }

  async finish(ending: 'completing' | 'cancelling'): Promise<void> {
    await Promise.all([this.#verification.stop(), this.#repairs.atRest()])
    const end = ending === 'completing' ? finishComplete : finishCancel
    await end(this.#d, this.#live!)
    this.#problem = null
    this.#verification = new Verification(this.#d)
  }

  async figures(before: ExtractionStatus): Promise<CargoFigures> {
    const live = this.#live
    const losesOnRollback = live
      ? live.tables.flatMap((table) => table.oneWay ?? [])
      : this.#d.plan.tables.flatMap(declaredLosses)
    const verify = this.#verification.figures ?? before.verify
    return { ...(await tablesFigures(live, before)), verify, losesOnRollback }
  }
}
