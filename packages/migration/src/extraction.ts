import { BucketSet } from '@banyan/contracts'
import type { Cargo, Progress } from './cargo.ts'
import { cargoOf } from './cargoes.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { completedFirst } from './ending.ts'
import { judgeCanary, judgeShadow, together } from './gates.ts'
import { sleep } from './lease.ts'
import { Measurements } from './measurements.ts'
import { MetricGates } from './metric-gates/metric-gates.ts'
import { dropOldTables } from './old-tables.ts'
import { buildStatus } from './report.ts'
import { closedText } from './schedule/schedule.ts'
import type { GateFigure, HandoverRecord, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'
import { withRoutes } from './tables.ts'
import { Transitions } from './transitions.ts'
import { BeforeStep } from './webhooks/before-step.ts'
import { Milestones } from './webhooks/milestones.ts'

/** How often the engine looks at an extraction when nothing wakes it, ms. */
const TICK_MS = 100
const STATUS_MS = 500

/** Phases that gates judge. */
const GATED: readonly Phase[] = ['shadowing', 'canary', 'cut over', 'soaking']

/** Phases in which nothing of ours is at work. */
const AT_REST: readonly Phase[] = ['planned', 'completed', 'cancelled']

/** One extraction in the hands of one engine: drives it through its phases until aborted. */
export class Extraction {
  readonly #d: ExtractionDependencies
  readonly #cargo: Cargo
  readonly #measurements: Measurements
  readonly #metrics: MetricGates
  readonly #before: BeforeStep
  readonly #milestones: Milestones
  readonly #to: Transitions
  #waitsFor: readonly string[] = []
  #gates: readonly GateFigure[] = []
  #handovers: HandoverRecord[] = []
  #attempts = 0
  #retryAt = 0
  #statusAt = 0
  #tableShows: string | null = null

  constructor(dependencies: ExtractionDependencies) {
    this.#d = dependencies
    this.#cargo = cargoOf(dependencies)
    const { gateways, plan } = dependencies
    this.#measurements = new Measurements(gateways, plan.name)
    this.#metrics = new MetricGates(plan)
    this.#before = new BeforeStep(plan.webhooks.before)
    this.#milestones = new Milestones(dependencies)
    this.#to = new Transitions(dependencies)
  }

  /** Rejects when the extraction must be taken up anew: OutcomeUnknown, a lost connection, a stale token. */
  async run(signal: AbortSignal): Promise<void> {
    this.#handovers = await this.#d.store.handovers(this.#d.plan.name)
    try {
      while (!signal.aborted) {
        const row = await this.#d.store.read(this.#d.plan.name)
        if (AT_REST.includes(row.phase)) {
          this.#waitsFor = row.phase === 'planned' ? ['start'] : []
          this.#gates = []
          this.#tableShows = null
          await this.#restAll()
          if (row.wanted.includes('drop')) await dropOldTables(this.#d, row, signal)
        } else await this.#work(row, signal)
        await this.#report(row)
        await sleep(TICK_MS, signal)
      }
    } finally {
      await this.#restAll()
    }
  }

  async #restAll(): Promise<void> {
    await Promise.all([this.#cargo.rest(), this.#metrics.stop(), this.#before.stop()])
  }

  async #work(row: ExtractionRow, signal: AbortSignal): Promise<void> {
    // Also where nothing can be opened any more, or a stream is broken: cancelling is the way out of that.
    const cancel = row.wanted.includes('cancel') && row.phase !== 'abandoned'
    if (cancel) return this.#to.begin(row, 'cancel')
    const missing = await this.#cargo.take(row, signal)
    if (missing) {
      this.#waitsFor = missing
      return
    }
    const ending = row.wanted.find((one) => one === 'completing' || one === 'cancelling')
    if (ending) return this.#end(row, ending)
    this.#measurements.poll(this.#cargo.inStep(), this.#cargo.owned.size > 0)
    if (await this.#cargo.tick(row)) await this.#advance(row)
  }

  async #advance(row: ExtractionRow): Promise<void> {
    if (GATED.includes(row.phase)) this.#metrics.look()
    else this.#gates = []
    this.#waitsFor = row.paused ? [`resume (paused: ${row.pausedWhy ?? 'by an operator'})`] : []
    switch (row.phase) {
      case 'copying':
        return this.#goOn(row, await this.#cargo.fill(row), 'verifying')
      case 'verifying':
        return this.#goOn(row, await this.#cargo.check(row), 'shadowing')
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

  async #goOn(row: ExtractionRow, progress: Progress, next: Phase): Promise<void> {
    if ('waitsFor' in progress) this.#waitsFor = [...this.#waitsFor, ...progress.waitsFor]
    else await this.#to.enter(row, next, progress.done)
  }

  async #shadowing(row: ExtractionRow): Promise<void> {
    const { plan } = this.#d
    if (plan.shadow.percent > 0) await this.#show('shadow')
    if (row.paused) return
    const judged = together(
      plan.shadow.percent > 0 ? judgeShadow(plan, this.#measures()) : null,
      this.#judgeMetrics(row),
    )
    const { failed } = judged
    this.#gates = judged.figures
    const waiting = [...judged.waiting, ...this.#cargo.owes(row.phase), ...this.#closed()]
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
    // Whether it stands still or has the next users yet to move: those at the target must not wait for that.
    const { failed, waiting, figures } = together(
      judgeCanary(plan, this.#measures()),
      this.#judgeMetrics(row),
    )
    this.#gates = figures
    if (failed.length > 0 && this.#cargo.owned.size > 0) return this.#rollBack(row, failed)
    if (row.paused) return this.#before.forget()
    const goal = BucketSet.share(row.goal)
    if (goal.minus(this.#cargo.owned).size > 0 && !(await this.#mayBegin(row, stepName(row.goal))))
      return
    if (!(await this.#moveTo(row, goal))) return
    if (row.phase === 'canary') await this.#milestones.stepDone(row, stepName(row.goal))

    const step = plan.steps.find((one) => one.percent >= row.goal) ?? plan.steps.at(-1)!
    const last = row.goal === 100
    const seconds = row.phase === 'soaking' ? plan.soakSeconds : step.seconds
    const left = Math.ceil(seconds - (Date.now() - row.phaseSince.getTime()) / 1000)
    this.#waitsFor = [
      ...waiting,
      ...(left > 0 ? [`${left} s of watching`] : []),
      ...this.#cargo.owes(row.phase),
    ]
    if (row.phase === 'soaking') {
      this.#waitsFor = [...this.#waitsFor, ...(await completedFirst(this.#d))]
      if (!row.wanted.includes('complete')) {
        if (this.#waitsFor.length === 0) await this.#milestones.awaits(row, 'complete')
        this.#waitsFor = [...this.#waitsFor, 'complete']
      } else if (this.#waitsFor.length === 0 && (await this.#mayBegin(row, 'complete'))) {
        await this.#to.begin(row, 'complete')
      }
    } else if (this.#waitsFor.length === 0) {
      if (row.phase === 'cut over') await this.#to.enter(row, 'soaking', {})
      else if (last) await this.#to.enter(row, 'cut over', {})
      else if (step.next === 'manual') {
        this.#waitsFor = ['promote']
        await this.#milestones.awaits(row, 'promote')
      } else if (this.#closed().length > 0) this.#waitsFor = this.#closed()
      else
        await this.#to.enter(
          row,
          'canary',
          {},
          plan.steps.find((one) => one.percent > row.goal)!.percent,
        )
    }
  }

  /** Asks the plan's webhooks; one that refuses pauses the extraction, with its reason. */
  async #mayBegin(row: ExtractionRow, step: string): Promise<boolean> {
    const { name, since } = { name: step, since: row.phaseSince }
    const asked = { extraction: row.name, name, percent: row.goal, since, revision: row.revision }
    const permission = this.#before.permission(asked)
    if (permission.granted) return true
    if ('waitsFor' in permission) this.#waitsFor = [permission.waitsFor]
    else {
      const { webhook, why } = permission.refused
      const words = `before ${step}, the webhook "${webhook}" ${why}`
      await this.#to.pause(row, words, { why: words, webhook, step })
      this.#before.forget()
    }
    return false
  }

  /** Gates that fail bring everybody back, also while it is paused. */
  async #rollBack(row: ExtractionRow, failed: readonly string[]): Promise<void> {
    await this.#to.change(
      row,
      { phase: 'rolling back', goal: 0, paused: false, pausedWhy: null, wanted: [] },
      'rollback',
      { gates: failed, ...(row.paused ? { whilePaused: true } : {}) },
      'decision',
    )
  }

  async #rollingBack(row: ExtractionRow): Promise<void> {
    this.#before.forget()
    await this.#show('off')
    if (await this.#moveTo(row, BucketSet.none)) await this.#to.enter(row, 'rolled back', {})
  }

  /** One attempt to make the target own exactly these buckets. @returns whether it does. */
  async #moveTo(row: ExtractionRow, goal: BucketSet): Promise<boolean> {
    const cargo = this.#cargo
    const toSource = cargo.owned.minus(goal)
    const toTarget = goal.minus(cargo.owned)
    const buckets = toSource.size > 0 ? toSource : toTarget
    if (buckets.size === 0) return true
    this.#waitsFor = [`the handover of ${buckets.size} buckets`]
    if (Date.now() < this.#retryAt) return false
    const from = toSource.size > 0 ? 'target' : 'source'
    if (from === 'source') await this.#measurements.refresh()
    const record = await cargo.handOver(buckets, from, ++this.#attempts)
    this.#handovers.push(record)
    await this.#d.store.addHandover(this.#d.plan.name, record)
    if (record.outcome === 'done') {
      this.#attempts = 0
      this.#measurements.rebase()
      return false
    }
    this.#d.log.warn({ record }, 'handover attempt aborted')
    // Whatever was in the way gets time to pass; users get time between two holds.
    this.#retryAt = Date.now() + Math.min(2_000, 200 * this.#attempts)
    if (this.#attempts >= cargo.attempts && row.phase !== 'rolling back') {
      const why = `${this.#attempts} handover attempts aborted, the last: ${record.why}`
      this.#attempts = 0
      await this.#to.pause(row, why)
    }
    return false
  }

  #judgeMetrics(row: ExtractionRow) {
    return this.#metrics.judge(row.phaseSince.getTime(), this.#cargo.owned.size > 0)
  }

  /** Nobody is moved while the plan's schedule is closed; what has begun goes on. */
  #closed(): string[] {
    const { schedule } = this.#d.plan
    const text = schedule && closedText(schedule, new Date())
    return text ? [text] : []
  }

  #measures() {
    return this.#measurements.measures(this.#cargo.lags(), this.#cargo.divergent)
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
    await this.#cargo.finish(ending)
    // Before the phase is known to be at rest: a start that follows at once must not find these parts.
    await this.#cargo.rest()
    await this.#to.enter(
      row,
      ending === 'completing' ? 'completed' : 'cancelled',
      {},
      undefined,
      [],
    )
    this.#measurements.rebase()
    this.#tableShows = null
  }

  async #report(row: ExtractionRow): Promise<void> {
    if (Date.now() - this.#statusAt < STATUS_MS) return
    this.#statusAt = Date.now()
    const status = await buildStatus({
      row,
      kind: this.#d.plan.kind,
      cargo: this.#cargo,
      waitsFor: this.#waitsFor,
      gates: this.#gates,
      handovers: this.#handovers,
      stats: this.#measurements.total(),
      recent: this.#measurements.recent(),
    })
    await this.#d.store.writeStatus(this.#d.plan.name, status)
  }
}

function stepName(percent: number): string {
  return percent === 100 ? 'cut over (100 %)' : `canary ${percent} %`
}
