import { setTimeout as delay } from 'node:timers/promises'
import { isRefusal, type LoadCounts, type Supervisor } from '@banyan/lab'
import { type Action, ControlError, type ExtractionStatus, type Phase } from '@banyan/migration'
import { type Aborts, abortsOf } from './lego/aborts.ts'
import { Bed } from './lego/bed.ts'
import { type Fault, PROVED, planFaults, type Stage } from './lego/faults.ts'
import { type DataPlane, planEnvOf } from './lego/haproxy.ts'
import { Injector, type Struck, StuckError } from './lego/injector.ts'
import { type Conformance, ProtocolRecord } from './lego/protocol-record.ts'
import { StepGate } from './lego/step-gate.ts'
import { askAny, type ExtractionName, type Lego } from './lego/topology.ts'
import { Trial } from './lego/trial.ts'

export interface RunResult {
  readonly seed: number
  readonly struck: readonly Struck[]
  readonly acknowledged: number
  /** Answered 503 by a gateway that had forwarded nothing; clients try again later. */
  readonly refused: number
  /** Every other answer that is not a good one, and every one that never came. */
  readonly failed: number
  readonly lost: number
  readonly duplicated: number
  readonly stale: number
  readonly divergent: number
  /** Buckets without an owner 10 s after a restart, or a phase that never came. */
  readonly stuck: number
  readonly leftovers: number
  /** What was done to the databases, held against the model; null when the run got stuck. */
  readonly conformance: Omit<Conformance, 'findings'> | null
  /** Handover attempts that ended with the old owner still owning. */
  readonly aborts: Aborts
  readonly findings: readonly string[]
  readonly ms: number
  /** Where the time went, ms. */
  readonly parts: Readonly<Record<string, number>>
}

/** Few rows: what is looked for is in the order of events, not in their number. */
const SIZE = { rows: 1_200, users: 120, people: 50, rate: 40 }
/** The data is the same in each run; who works with it, and what happens, the run's seed decides. */
const DATA_SEED = 1

/** Faults must not trip the gates: here it is not the service that is judged, but the protocol. */
const PLAN_ENV = {
  BANYAN_STEPS: '10,100',
  BANYAN_STEP_NEXT: 'manual',
  BANYAN_STEP_SECONDS: '0',
  BANYAN_SOAK_SECONDS: '0',
  BANYAN_MINIMUM_REQUESTS: '0',
  BANYAN_MINIMUM_COMPARED: '1',
  BANYAN_LATENCY_RATIO: '1000',
  BANYAN_ERROR_RATE: '1',
  BANYAN_SHADOW_DIFFERENCE: '1',
  BANYAN_HANDOVER_ATTEMPTS: '1000',
  BANYAN_COPY_ROWS_PER_SECOND: '1000',
}
/** A phase that has not come after this long never will, ms. */
const PHASE_MS = 60_000
const LOOK_MS = 100

/** A LEGO system for runs, one after the other. */
export function startBed(supervisor: Supervisor, dataPlane: DataPlane): Promise<Bed> {
  return Bed.start(supervisor, {
    ...SIZE,
    extractions: PROVED,
    seed: DATA_SEED,
    engines: 2,
    gateways: 2,
    dataPlane,
    documentedPorts: false,
    env: { ...PLAN_ENV, ...planEnvOf(dataPlane) },
    onStep: () => {},
  })
}

/** Both extractions at once, there, back and to the end, under load, with the faults of one seed. */
export async function proveRun(bed: Bed, seed: number, dataPlane: DataPlane): Promise<RunResult> {
  return new Run(bed, seed, dataPlane).go()
}

export function isClean(result: RunResult): boolean {
  const { lost, duplicated, stale, divergent, stuck, leftovers } = result
  const deviations = result.conformance?.deviations ?? 0
  return lost + duplicated + stale + divergent + stuck + leftovers + deviations === 0
}

class Run {
  readonly #bed: Bed
  readonly #lego: Lego
  readonly #seed: number
  readonly #gate: StepGate
  readonly #injector: Injector
  readonly #faults: readonly Fault[]
  /** The one that ends with a cancel; the others are completed. */
  readonly #cancelled: ExtractionName | null
  readonly #struck: Struck[] = []
  readonly #stuck: string[] = []
  readonly #parts: Record<string, number> = {}
  readonly #begun = performance.now()
  #marked = this.#begun

  constructor(bed: Bed, seed: number, dataPlane: DataPlane) {
    this.#bed = bed
    this.#lego = bed.lego
    this.#seed = seed
    this.#gate = new StepGate(bed.lego.urls.banyan)
    this.#injector = new Injector(bed.lego, this.#gate)
    this.#faults = planFaults(seed, dataPlane)
    const last = this.#faults.at(-1)!
    this.#cancelled = last.place.startsWith('cancel') ? last.extraction : null
  }

  async go(): Promise<RunResult> {
    await this.#bed.renew()
    await this.#gate.install()
    const trial = await Trial.begin(this.#bed.load, this.#lego, { ...SIZE, seed: this.#seed })
    const record = new ProtocolRecord(this.#lego.urls)
    this.#mark('renew')
    const none = { lost: 0, duplicated: 0, stale: 0, divergent: 0, leftovers: 0, conformance: null }
    try {
      await this.#thereAndBack()
      // The users stand still for a moment: what they have done must be the same on both sides.
      trial.load.pause()
      const rows = await trial.quiet(PROVED)
      trial.load.resume()
      this.#mark('compare')
      await this.#end()
      await trial.load.end()
      const leftovers = await trial.leftovers()
      const verdict = await trial.judge({
        ...{ wishlist: 'target', profile: 'target' },
        ...(this.#cancelled ? { [this.#cancelled]: 'source' } : {}),
      })
      const { findings: deviations, ...conformance } = await record.judge()
      this.#mark('judge')
      const { acknowledged, lost, duplicated, stale, findings } = verdict
      return await this.#result(trial.counts, acknowledged, {
        ...{ lost, duplicated, stale, divergent: rows.divergent, leftovers: leftovers.length },
        conformance,
        findings: [...this.#stuck, ...findings, ...rows.examples, ...leftovers, ...deviations],
      })
    } catch (error) {
      if (!(error instanceof StuckError)) throw error
      this.#stuck.push(error.message)
      return await this.#result(trial.counts, trial.counts.acknowledgedWrites ?? 0, {
        ...none,
        findings: this.#stuck,
      })
    } finally {
      await record.close()
      await this.#gate.close()
    }
  }

  async #thereAndBack(): Promise<void> {
    const watched = (one: ExtractionStatus) => one.waitsFor.join() === 'promote'
    await this.#stage(
      'begin',
      () => this.#all(PROVED, 'start'),
      () => this.#until(PROVED, 'canary', watched),
    )
    await this.#stage(
      'promote',
      () => this.#all(PROVED, 'promote', 100),
      () => this.#until(PROVED, 'soaking'),
    )
    await this.#stage(
      'roll back',
      () => this.#all(PROVED, 'rollback'),
      () => this.#until(PROVED, 'rolled back'),
    )
    await this.#stage(
      'promote again',
      () => this.#all(this.#completed, 'promote', 100),
      () => this.#until(this.#completed, 'soaking'),
    )
  }

  async #end(): Promise<void> {
    const cancelled = PROVED.filter((name) => name === this.#cancelled)
    await this.#stage(
      'end',
      async () => {
        await Promise.all([this.#all(this.#completed, 'complete'), this.#all(cancelled, 'cancel')])
      },
      async () => {
        await this.#until(this.#completed, 'completed')
        await this.#until(cancelled, 'cancelled')
      },
    )
  }

  get #completed(): ExtractionName[] {
    return PROVED.filter((name) => name !== this.#cancelled)
  }

  /** One part of the move, struck if a fault is meant for it. */
  async #stage(stage: Stage, ask: () => Promise<void>, wait: () => Promise<void>): Promise<void> {
    const fault = this.#faults.find((one) => one.stage === stage)
    if (fault) await this.#injector.arm(fault)
    const moving = new AbortController()
    // Side by side: an engine that stands at the gate keeps what is asked next waiting.
    const asked = ask()
    const striking = fault ? this.#injector.strike(fault, asked, moving.signal) : null
    const going = asked.then(wait)
    // Whichever fails first is what is told; the other must not go unheard.
    striking?.catch(() => {})
    going.catch(() => {})
    try {
      await (striking ? Promise.race([going, failureOf(striking)]) : going)
    } finally {
      moving.abort()
    }
    const struck = await striking
    this.#mark(stage)
    if (!fault) return
    if (!struck) throw new StuckError(`${fault.extraction} did not come to "${fault.place}"`)
    this.#struck.push(struck)
    if (struck.recoveryMs === null) {
      this.#stuck.push(`after ${fault.victim} at ${fault.place}: buckets without an owner for 10 s`)
    }
  }

  /** Waits until all are in a phase. @throws StuckError when they do not come there. */
  async #until(
    names: readonly ExtractionName[],
    phase: Phase,
    also: (status: ExtractionStatus) => boolean = () => true,
  ): Promise<void> {
    const deadline = Date.now() + PHASE_MS
    for (const name of names) {
      let last: ExtractionStatus | null = null
      for (;;) {
        const status = await askAny(this.#lego, (one) => one.extraction(name)).catch(() => null)
        last = status ?? last
        if (status?.phase === phase && also(status)) break
        if (status?.paused) {
          throw new StuckError(`${name} paused in ${status.phase}: ${status.pausedWhy}`)
        }
        if (Date.now() > deadline) {
          throw new StuckError(
            `${name}: ${phase} did not come within ${PHASE_MS} ms; it is ${last?.phase}, waits for ${last?.waitsFor.join('; ')}`,
          )
        }
        await delay(LOOK_MS)
      }
    }
  }

  async #all(names: readonly ExtractionName[], action: Action, percent?: number): Promise<void> {
    await Promise.all(names.map((name) => this.#act(name, action, percent)))
  }

  /** Asks for an action, as an operator would: again when the control plane was away for a moment. */
  async #act(name: ExtractionName, action: Action, percent?: number): Promise<void> {
    const deadline = Date.now() + PHASE_MS
    const request = { by: 'prove', ...(percent === undefined ? {} : { percent }) }
    for (let tries = 0; ; tries++) {
      try {
        await askAny(this.#lego, (control) => control.act(name, action, request))
        return
      } catch (error) {
        // It was taken the time before, and only the answer was lost.
        const wrongPhase = error instanceof ControlError && error.problem.code === 'WRONG_PHASE'
        if (wrongPhase && tries > 0) return
        if (wrongPhase || Date.now() > deadline) throw error
        await delay(LOOK_MS)
      }
    }
  }

  #mark(part: string): void {
    const now = performance.now()
    this.#parts[part] = Math.round(now - this.#marked)
    this.#marked = now
  }

  async #result(
    counts: LoadCounts,
    acknowledged: number,
    found: Pick<
      RunResult,
      'lost' | 'duplicated' | 'stale' | 'divergent' | 'leftovers' | 'conformance' | 'findings'
    >,
  ): Promise<RunResult> {
    return {
      seed: this.#seed,
      struck: this.#struck,
      stuck: this.#stuck.length,
      acknowledged,
      ...unanswered(counts),
      ...found,
      aborts: await abortsOf(this.#lego.urls.banyan),
      ms: Math.round(performance.now() - this.#begun),
      parts: this.#parts,
    }
  }
}

function unanswered({ failures = {} }: LoadCounts): { refused: number; failed: number } {
  const sums = { refused: 0, failed: 0 }
  for (const [what, times] of Object.entries(failures)) {
    sums[isRefusal(what) ? 'refused' : 'failed'] += times
  }
  return sums
}

/** Settles only when the promise fails. */
function failureOf(promise: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => promise.catch(reject))
}
