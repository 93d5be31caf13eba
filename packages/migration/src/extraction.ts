import { BanyanError, BucketSet } from '@banyan/contracts'
import { declaredLosses, type LinkProblem } from '@banyan/replication'
import { Abandonment } from './abandonment.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { finishCancel, finishComplete } from './ending.ts'
import { judgeCanary, judgeShadow } from './gates.ts'
import { sleep } from './lease.ts'
import { Live } from './live.ts'
import { Measurements } from './measurements.ts'
import { buildStatus } from './report.ts'
import { RowRepairs } from './row-repairs.ts'
import { isAnswer, isPassing, isStale } from './sides.ts'
import type { GateFigure, HandoverRecord, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'
import { withRoutes } from './tables.ts'
import { Transitions } from './transitions.ts'
import { Verification } from './verification.ts'

/** How often the engine looks at an extraction when nothing wakes it, ms. */
const TICK_MS = 100
const STATUS_MS = 500
/** A gateway asks again for 2 s: up to this lag, ms, what then differs is not for the lag. */
const SHADOW_LAG_MS = 500

/** Phases that gates judge. */
const GATED: readonly Phase[] = ['shadowing', 'canary', 'cut over', 'soaking']

/** Phases in which nothing of ours is at work. */
const AT_REST: readonly Phase[] = ['planned', 'completed', 'cancelled']

/** One extraction in the hands of one engine: drives it through its phases until aborted. */
export class Extraction {
  readonly #d: ExtractionDependencies
  readonly #measurements: Measurements
  #verification: Verification
  readonly #repairs: RowRepairs
  readonly #to: Transitions
  readonly #abandonment: Abandonment
  #live: Live | null = null
  #waitsFor: readonly string[] = []
  #gates: readonly GateFigure[] = []
  #handovers: HandoverRecord[] = []
  #attempts = 0
  #retryAt = 0
  #problem: LinkProblem | null = null
  #toldProblem: LinkProblem | null = null
  /** The sides could not be opened for a reason that trying again does not mend. */
  #unusable = false
  #statusAt = 0
  #tableShows: string | null = null

  constructor(dependencies: ExtractionDependencies) {
    this.#d = dependencies
    const { gateways, plan } = dependencies
    this.#measurements = new Measurements(
      gateways,
      plan.name,
      Math.min(plan.gates.lagMs, SHADOW_LAG_MS),
    )
    this.#verification = new Verification(dependencies)
    this.#repairs = new RowRepairs(dependencies)
    this.#to = new Transitions(dependencies)
    this.#abandonment = new Abandonment(dependencies)
  }

  /** Rejects when the extraction must be taken up anew: OutcomeUnknown, a lost connection, a stale token. */
  async run(signal: AbortSignal): Promise<void> {
    this.#handovers = await this.#d.store.handovers(this.#d.plan.name)
    try {
      while (!signal.aborted) {
        const row = await this.#d.store.read(this.#d.plan.name)
        if (AT_REST.includes(row.phase)) {
          this.#waitsFor = row.phase === 'planned' ? ['start'] : []
          await this.#rest()
        } else await this.#work(row, signal)
        await this.#report(row)
        await sleep(TICK_MS, signal)
      }
    } finally {
      await this.#rest()
    }
  }

  async #rest(): Promise<void> {
    const live = this.#live
    this.#live = null
    await this.#verification.stop()
    await live?.close()
  }

  async #work(row: ExtractionRow, signal: AbortSignal): Promise<void> {
    if (row.wanted.includes('abandoning')) {
      await this.#rest()
      this.#tableShows = null
      await this.#abandonment.begin(row, signal)
      this.#waitsFor = this.#abandonment.waitsFor
      return
    }
    if (row.phase === 'abandoned' && !this.#live) {
      const returned = await this.#abandonment.returned(row)
      this.#waitsFor = this.#abandonment.waitsFor
      if (!returned) return
    }
    const ending = row.wanted.find((one) => one === 'completing' || one === 'cancelling')
    // Also where nothing can be opened any more, or a stream is broken: cancelling is the way out of that.
    if (row.wanted.includes('cancel')) return this.#to.begin(row, 'cancel')
    if (!this.#live && !(await this.#open(row, signal))) return
    if (ending) return this.#end(row, ending)
    this.#measurements.poll(this.#live!.lags())
    if (this.#problem) await this.#stopFor(row, this.#problem)
    else await this.#advance(row)
  }

  /** A plan that cannot work, or a privilege that is missing, pauses the extraction with what was said. */
  async #open(row: ExtractionRow, signal: AbortSignal): Promise<boolean> {
    const ending = row.wanted.includes('completing') || row.wanted.includes('cancelling')
    if (this.#unusable && row.paused && !ending) return false
    this.#unusable = false
    try {
      this.#live = await Live.open(this.#d, row, signal, (problem) => this.#onProblem(problem))
      return true
    } catch (error) {
      // What may go well the next time is tried again: pausing here would leave buckets without an owner.
      const passing = isStale(error) || isPassing(error)
      const final = !passing && (error instanceof BanyanError || isAnswer(error))
      if (!final) throw error
      this.#unusable = true
      const why = (error as Error).message
      this.#waitsFor = [why]
      await this.#to.pause(row, why)
      return false
    }
  }

  #onProblem(problem: LinkProblem): void {
    this.#d.log[problem.fatal ? 'error' : 'warn']({ problem }, problem.message)
    if (problem.fatal) this.#problem = problem
  }

  /** A stream that cannot go on stops the extraction, visibly; traffic stays where it is. */
  async #stopFor(row: ExtractionRow, problem: LinkProblem): Promise<void> {
    if (problem.kind === 'stale-token') throw new Error(problem.message)
    if (problem.kind === 'server-changed') {
      // Taken up anew, it is seen that the servers are others, and both sides are closed.
      this.#problem = null
      return this.#rest()
    }
    if (row.paused) return
    if (this.#toldProblem === problem) {
      // Resumed since: both sides and the streams are taken up anew, and say so if it is still so.
      this.#problem = null
      return this.#rest()
    }
    this.#toldProblem = problem
    await this.#to.pause(row, problem.message, { problem: problem.kind })
  }

  async #advance(row: ExtractionRow): Promise<void> {
    if (!GATED.includes(row.phase)) this.#gates = []
    this.#waitsFor = row.paused ? [`resume (paused: ${row.pausedWhy ?? 'by an operator'})`] : []
    if (row.wanted.includes('verify')) {
      this.#verification.again()
      await this.#to.change(row, { wanted: row.wanted.filter((one) => one !== 'verify') }, null)
    }
    if (row.phase !== 'copying') {
      const live = this.#live!
      this.#verification.tick(live.comparing)
      this.#repairs.tick(live, () => this.#verification.lookAgain())
    }
    switch (row.phase) {
      case 'copying':
        return this.#copying(row)
      case 'verifying':
        return this.#verifying(row)
      case 'shadowing':
        return this.#shadowing(row)
      case 'canary':
      case 'cut over':
      case 'soaking':
        return this.#canary(row)
      case 'rolling back':
        return this.#rollingBack(row)
      case 'rolled back':
        this.#waitsFor = ['promote or cancel']
        return this.#show('off')
      default:
        return
    }
  }

  async #copying(row: ExtractionRow): Promise<void> {
    const live = this.#live!
    live.copyLimit = row.copyLimit
    if (row.paused) return live.stopCopy()
    if (!live.copyDone) {
      const { rowsPerSecond, why } = live.throttle()
      this.#waitsFor = [
        'the copy to end',
        ...(rowsPerSecond === null ? [] : [`a throttle of ${rowsPerSecond} rows/s (${why})`]),
      ]
      if (live.copyFailed) {
        const why = live.copyFailed
        live.copyFailed = null
        await this.#to.pause(row, why)
      } else live.startCopy()
      return
    }
    await live.startReverse()
    await this.#to.enter(row, 'verifying', { rows: live.copy.rows })
  }

  async #verifying(row: ExtractionRow): Promise<void> {
    if (row.paused) return
    const { report, divergent } = this.#verification
    if (!report || divergent === null) {
      this.#waitsFor = ['the comparison of all rows']
      return
    }
    if (divergent > this.#d.plan.gates.divergentRows) {
      const why = `${divergent} rows differ after the copy`
      this.#verification.forget()
      await this.#to.pause(row, why)
      return
    }
    await this.#to.enter(row, 'shadowing', { rows: report.rows, divergent: report.divergent })
  }

  async #shadowing(row: ExtractionRow): Promise<void> {
    const { plan } = this.#d
    if (plan.shadow.percent > 0) await this.#show('shadow')
    if (row.paused) return
    const measures = this.#measures()
    const judged =
      plan.shadow.percent > 0
        ? judgeShadow(plan, measures)
        : { failed: [], waiting: [], figures: [] }
    const { failed } = judged
    this.#gates = judged.figures
    const { divergent } = this.#verification
    const differing = (divergent ?? 0) > plan.gates.divergentRows
    const waiting = [...judged.waiting, ...(differing ? [`${divergent} rows to agree`] : [])]
    this.#waitsFor = waiting
    if (failed.length > 0) {
      await this.#to.pause(row, failed.join('; '), { gates: failed })
    } else if (waiting.length === 0) {
      await this.#to.enter(row, 'canary', {}, plan.steps[0]!.percent)
    }
  }

  async #canary(row: ExtractionRow): Promise<void> {
    const { plan } = this.#d
    await this.#show(row.phase === 'soaking' || plan.shadow.percent === 0 ? 'off' : 'shadow')
    if (row.paused) return
    if (!(await this.#moveTo(row, BucketSet.share(row.goal)))) return

    const { failed, waiting, figures } = judgeCanary(plan, this.#measures())
    this.#gates = figures
    if (failed.length > 0) {
      await this.#to.change(
        row,
        { phase: 'rolling back', goal: 0 },
        'rollback',
        { gates: failed },
        'decision',
      )
      return
    }
    const step = plan.steps.find((one) => one.percent >= row.goal) ?? plan.steps.at(-1)!
    const last = row.goal === 100
    const seconds = row.phase === 'soaking' ? plan.soakSeconds : step.seconds
    const left = Math.ceil(seconds - (Date.now() - row.phaseSince.getTime()) / 1000)
    this.#waitsFor = [
      ...waiting,
      ...(left > 0 ? [`${left} s of watching`] : []),
      ...(this.#verification.report ? [] : ['the comparison of all rows']),
    ]
    if (row.phase === 'soaking') {
      if (!row.wanted.includes('complete')) this.#waitsFor = [...this.#waitsFor, 'complete']
      else if (this.#waitsFor.length === 0) await this.#to.begin(row, 'complete')
    } else if (this.#waitsFor.length === 0) {
      if (row.phase === 'cut over') await this.#to.enter(row, 'soaking', {})
      else if (last) await this.#to.enter(row, 'cut over', {})
      else if (step.next === 'manual') this.#waitsFor = ['promote']
      else
        await this.#to.enter(
          row,
          'canary',
          {},
          plan.steps.find((one) => one.percent > row.goal)!.percent,
        )
    }
  }

  async #rollingBack(row: ExtractionRow): Promise<void> {
    await this.#show('off')
    if (await this.#moveTo(row, BucketSet.none)) await this.#to.enter(row, 'rolled back', {})
  }

  /** One attempt to make the target own exactly these buckets. @returns whether it does. */
  async #moveTo(row: ExtractionRow, goal: BucketSet): Promise<boolean> {
    const live = this.#live!
    const toSource = live.owned.minus(goal)
    const toTarget = goal.minus(live.owned)
    const buckets = toSource.size > 0 ? toSource : toTarget
    if (buckets.size === 0) return true
    this.#waitsFor = [`the handover of ${buckets.size} buckets`]
    if (Date.now() < this.#retryAt) return false
    const from = toSource.size > 0 ? 'target' : 'source'
    const record = await live.handOver(buckets, from, ++this.#attempts)
    this.#handovers.push(record)
    await this.#d.store.addHandover(this.#d.plan.name, record)
    await live.noteWhole()
    if (record.outcome === 'done') {
      live.owned = from === 'source' ? live.owned.union(buckets) : live.owned.minus(buckets)
      this.#attempts = 0
      this.#measurements.rebase()
      this.#verification.forget()
      return false
    }
    this.#d.log.warn({ record }, 'handover attempt aborted')
    // Whatever was in the way gets time to pass; users get time between two holds.
    this.#retryAt = Date.now() + Math.min(2_000, 200 * this.#attempts)
    if (this.#attempts >= this.#d.plan.handover.attempts && row.phase !== 'rolling back') {
      const why = `${this.#attempts} handover attempts aborted, the last: ${record.why}`
      this.#attempts = 0
      await this.#to.pause(row, why)
    }
    return false
  }

  #measures() {
    const lags = this.#live!.lags()
    return this.#measurements.measures(lags, this.#verification.divergent)
  }

  /** Makes the gateways shadow, or stop; a table is published only when that changes. */
  async #show(what: 'shadow' | 'off'): Promise<void> {
    if (this.#tableShows === what) return
    const { plan, gateways, term, monolith } = this.#d
    const shadow =
      what === 'shadow' ? { percent: plan.shadow.percent, ignore: plan.shadow.ignore } : null
    await gateways.publish(term, plan.name, withRoutes(monolith.url, plan, { shadow }), {
      drainMs: 0,
      outlast: false,
    })
    this.#tableShows = what
    if (what === 'shadow') this.#measurements.rebase()
  }

  async #end(row: ExtractionRow, ending: 'completing' | 'cancelling'): Promise<void> {
    await Promise.all([this.#verification.stop(), this.#repairs.atRest()])
    const live = this.#live!
    if (ending === 'completing') await finishComplete(this.#d, live)
    else await finishCancel(this.#d, live)
    // Before the phase is known to be at rest: a start that follows at once must not find these parts.
    await this.#rest()
    this.#problem = null
    await this.#to.enter(
      row,
      ending === 'completing' ? 'completed' : 'cancelled',
      {},
      undefined,
      [],
    )
    this.#measurements.rebase()
    this.#verification = new Verification(this.#d)
    this.#tableShows = null
  }

  async #report(row: ExtractionRow): Promise<void> {
    if (Date.now() - this.#statusAt < STATUS_MS) return
    this.#statusAt = Date.now()
    const live = this.#live
    const status = await buildStatus({
      row,
      live,
      waitsFor: this.#waitsFor,
      gates: this.#gates,
      handovers: this.#handovers,
      verify: this.#verification.figures,
      stats: this.#measurements.total(),
      losses: live
        ? live.tables.flatMap((table) => table.oneWay ?? [])
        : this.#d.plan.tables.flatMap(declaredLosses),
    })
    await this.#d.store.writeStatus(this.#d.plan.name, status)
  }
}
