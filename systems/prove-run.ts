import { setTimeout as delay } from 'node:timers/promises'
import { Supervisor } from '@banyan/lab'
import { type Action, ControlError, type ExtractionStatus, type Phase } from '@banyan/migration'
import { type Fault, Injector, planFaults, type Struck, StuckError } from './lego/faults.ts'
import { StepGate } from './lego/step-gate.ts'
import { askAny, type Lego, startLego } from './lego/topology.ts'
import { Trial } from './lego/trial.ts'

export interface RunResult {
  readonly seed: number
  readonly struck: readonly Struck[]
  readonly acknowledged: number
  readonly lost: number
  readonly duplicated: number
  readonly stale: number
  readonly divergent: number
  /** Buckets without an owner 10 s after a restart, or a phase that never came. */
  readonly stuck: number
  readonly leftovers: number
  readonly findings: readonly string[]
  /** Kept when something was found. */
  readonly folder: string | null
  readonly ms: number
}

const NAME = 'wishlist'
const SIZE = { rows: 3_000, users: 150, people: 60, rate: 100 }

/** Faults must not trip the gates: here it is not the service that is judged, but the protocol. */
const PLAN_ENV = {
  BANYAN_STEPS: '10,100',
  BANYAN_STEP_SECONDS: '0.5',
  BANYAN_SOAK_SECONDS: '0.5',
  BANYAN_MINIMUM_REQUESTS: '1',
  BANYAN_MINIMUM_COMPARED: '5',
  BANYAN_LATENCY_RATIO: '1000',
  BANYAN_ERROR_RATE: '1',
  BANYAN_SHADOW_DIFFERENCE: '1',
  BANYAN_HANDOVER_ATTEMPTS: '1000',
  BANYAN_COPY_ROWS_PER_SECOND: '1500',
}
/** A phase that has not come after this long never will, ms. */
const PHASE_MS = 90_000
/** Back and forth at most this often until every fault has struck. */
const ROUNDS = 6
const LOOK_MS = 100

/** The whole move under load, with the faults of one seed. */
export async function proveRun(seed: number): Promise<RunResult> {
  const begun = performance.now()
  const supervisor = await Supervisor.create({ name: `banyan-prove-${seed}` })
  try {
    const result = await new Run(supervisor, seed).go()
    const good = isClean(result)
    if (!good) supervisor.keepFolder()
    const ms = Math.round(performance.now() - begun)
    return { ...result, folder: good ? null : supervisor.folder, ms }
  } catch (error) {
    supervisor.keepFolder()
    throw new Error(`run of seed ${seed} failed; its folder is ${supervisor.folder}`, {
      cause: error,
    })
  } finally {
    await supervisor.stopAll()
  }
}

export function isClean(result: Omit<RunResult, 'folder' | 'ms'>): boolean {
  const { lost, duplicated, stale, divergent, stuck, leftovers } = result
  return lost + duplicated + stale + divergent + stuck + leftovers === 0
}

class Run {
  readonly #supervisor: Supervisor
  readonly #seed: number
  readonly #struck: Struck[] = []
  readonly #waiting: Fault[]
  readonly #stuck: string[] = []
  readonly #ending = new AbortController()
  #failure: Error | null = null

  constructor(supervisor: Supervisor, seed: number) {
    this.#supervisor = supervisor
    this.#seed = seed
    this.#waiting = planFaults(seed)
  }

  async go(): Promise<Omit<RunResult, 'folder' | 'ms'>> {
    const lego = await startLego(this.#supervisor, {
      ...SIZE,
      seed: this.#seed,
      engines: 2,
      documentedPorts: false,
      env: PLAN_ENV,
      onStep: () => {},
    })
    const gate = new StepGate(lego.urls.banyan)
    await gate.install()
    const trial = await Trial.begin(this.#supervisor, lego, { ...SIZE, seed: this.#seed })
    const injecting = this.#inject(new Injector(lego, gate))
    injecting.catch((error: Error) => {
      this.#failure = error
    })
    await this.#act(lego, 'start')
    try {
      await this.#move(lego)
      this.#ending.abort()
      await injecting
      await trial.endLoad()
      const rows = await trial.quiet()
      await this.#act(lego, 'complete')
      await this.#until(lego, 'completed')
      const after = await trial.quiet()
      const leftovers = await trial.leftovers()
      const verdict = await trial.judge('target')
      return {
        ...this.#result(),
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        duplicated: verdict.duplicated,
        stale: verdict.stale,
        divergent: Math.max(rows.divergent, after.divergent),
        leftovers: leftovers.length,
        findings: [...this.#stuck, ...verdict.findings, ...after.examples, ...leftovers],
      }
    } catch (error) {
      if (!(error instanceof StuckError)) throw error
      this.#stuck.push(error.message)
      return {
        ...this.#result(),
        acknowledged: trial.counts.acknowledgedWrites,
        ...{ lost: 0, duplicated: 0, stale: 0, divergent: 0, leftovers: 0 },
        findings: this.#stuck,
      }
    } finally {
      this.#ending.abort()
      await gate.close()
    }
  }

  /** To the service, and back and forth until every fault has struck; at the end the service owns all. */
  async #move(lego: Lego): Promise<void> {
    await this.#until(lego, 'soaking')
    for (let round = 0; round < ROUNDS && (round === 0 || this.#waiting.length > 0); round++) {
      await this.#act(lego, 'rollback')
      await this.#until(lego, 'rolled back')
      await this.#act(lego, 'promote', 100)
      await this.#until(lego, 'soaking')
    }
    if (this.#waiting.length > 0) {
      throw new StuckError(`no engine came to "${this.#waiting[0]!.step}" in ${ROUNDS} rounds`)
    }
  }

  async #inject(injector: Injector): Promise<void> {
    while (this.#waiting.length > 0) {
      const fault = this.#waiting[0]!
      const struck = await injector.strike(fault, this.#ending.signal)
      if (!struck) return
      this.#waiting.shift()
      this.#struck.push(struck)
      if (struck.recoveryMs === null) {
        this.#stuck.push(
          `after ${fault.victim} at ${fault.step}: buckets without an owner for 10 s`,
        )
      }
    }
  }

  /** Waits for a phase. @throws StuckError when it does not come. */
  async #until(lego: Lego, phase: Phase): Promise<void> {
    const deadline = Date.now() + PHASE_MS
    let last: ExtractionStatus | null = null
    while (Date.now() < deadline) {
      if (this.#failure) throw this.#failure
      const status = await askAny(lego, (control) => control.extraction(NAME)).catch(() => null)
      last = status ?? last
      if (status?.phase === phase) return
      if (status?.paused) {
        throw new StuckError(`paused in ${status.phase}: ${status.pausedWhy}`)
      }
      await delay(LOOK_MS)
    }
    throw new StuckError(
      `${phase} did not come within ${PHASE_MS} ms; it is ${last?.phase}, waits for ${last?.waitsFor.join('; ')}`,
    )
  }

  /** Asks for an action, as an operator would: again when the control plane was away for a moment. */
  async #act(lego: Lego, action: Action, percent?: number): Promise<void> {
    const deadline = Date.now() + PHASE_MS
    const request = { by: 'prove', ...(percent === undefined ? {} : { percent }) }
    for (let tries = 0; ; tries++) {
      try {
        await askAny(lego, (control) => control.act(NAME, action, request))
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

  #result() {
    return { seed: this.#seed, struck: this.#struck, stuck: this.#stuck.length }
  }
}
