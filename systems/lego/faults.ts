import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '@banyan/lab'
import { bucketsWithoutOwner } from './ownership.ts'
import type { Moment, StepGate } from './step-gate.ts'
import { askAny, type Lego } from './topology.ts'

/** What is struck. `engine paused` is SIGSTOP, another takes over, SIGCONT; all others are kill -9. */
export const VICTIMS = [
  'engine',
  'engine paused',
  'gateway',
  'service',
  'monolith',
  'source PostgreSQL',
  'target PostgreSQL',
] as const
export type Victim = (typeof VICTIMS)[number]

/** When: two phases, and the steps of a handover. Their number shares no factor with the victims'. */
export const STEPS = [
  'copying',
  'verifying',
  'hold',
  'close',
  'drain',
  'check',
  'give',
  'move reads',
  'open',
  'flip',
  'settle',
] as const
export type Step = (typeof STEPS)[number]

export interface Fault {
  readonly victim: Victim
  readonly step: Step
  /** How long after the step has begun, ms; null: while its intent is being written. */
  readonly afterMs: number | null
}

export interface Struck extends Fault {
  /** From the restart until every bucket had one owner again, ms; null: not within 10 s. */
  readonly recoveryMs: number | null
}

export const FAULTS_A_RUN = 4
/** Every bucket has an owner again within this, ms (handover.md, "No wedge"). */
const RECOVERY_MS = 10_000

/**
 * The faults of one run: victims and steps are dealt out by counting, 7 against 11, so that 77 faults
 * in a row (20 runs are 80) meet every victim at every step; the seed decides the milliseconds.
 */
export function planFaults(seed: number): Fault[] {
  const random = new Random(`faults ${seed}`)
  const faults = Array.from({ length: FAULTS_A_RUN }, (_, k): Fault => {
    const n = seed * FAULTS_A_RUN + k
    const step = STEPS[n % STEPS.length]!
    const spread = step === 'copying' ? 1_500 : step === 'verifying' ? 200 : 30
    const within = step === 'copying' || random.next() < 0.6
    return {
      victim: VICTIMS[n % VICTIMS.length]!,
      step,
      afterMs: within ? random.below(spread) : null,
    }
  })
  return faults.sort((a, b) => rank(a.step) - rank(b.step))
}

/** Phases come first, in their order; handover steps as they were dealt. */
function rank(step: Step): number {
  return Math.min(STEPS.indexOf(step), 2)
}

export function isInHandover(step: Step): boolean {
  return rank(step) === 2
}

function momentOf(step: Step): Moment | null {
  if (step === 'copying') return null
  return step === 'verifying' ? { kind: 'fact', what: step } : { kind: 'intent', what: step }
}

/** What should have come by itself has not. */
export class StuckError extends Error {}

/** Strikes when the moment has come, restarts what was struck, and measures the recovery. */
export class Injector {
  readonly #lego: Lego
  readonly #gate: StepGate

  constructor(lego: Lego, gate: StepGate) {
    this.#lego = lego
    this.#gate = gate
  }

  /** @returns null when the signal came before the moment did. */
  async strike(fault: Fault, signal: AbortSignal): Promise<Struck | null> {
    const moment = momentOf(fault.step)
    if (moment) {
      await this.#gate.arm(moment)
      if (!(await this.#gate.reached(signal))) {
        await this.#gate.release()
        return null
      }
    }
    // Chosen now: who acts is known only when the moment has come.
    const strike = await this.#prepare(fault.victim)
    const at = moment && fault.afterMs === null ? 'before' : 'after'
    if (at === 'after') {
      if (moment) await this.#gate.release()
      await delay(fault.afterMs ?? 0)
    }
    const restart = await strike()
    // Also when it was struck at the gate: whatever the engine had sent is then done without it. With
    // the server gone the lock is too; its row goes once the server is back.
    if (moment && at === 'before' && fault.victim !== 'target PostgreSQL')
      await this.#gate.release()
    await restart()
    if (fault.victim === 'target PostgreSQL') await this.#gate.release()
    return { ...fault, recoveryMs: await this.#recovered() }
  }

  async #prepare(victim: Victim): Promise<() => Promise<() => Promise<void>>> {
    const { gateway, service, monolith, source, target } = this.#lego
    const killed = (one: { kill(): Promise<void>; start(): Promise<void> }) => async () => {
      await one.kill()
      return () => one.start()
    }
    switch (victim) {
      case 'engine':
        return killed(await this.#acting())
      case 'engine paused': {
        const engine = await this.#acting()
        return async () => {
          engine.pause()
          return async () => {
            await this.#takenOver(engine.name).finally(() => engine.resume())
          }
        }
      }
      case 'gateway':
        return killed(gateway)
      case 'service':
        return killed(service)
      case 'monolith':
        return killed(monolith)
      case 'source PostgreSQL':
        return killed(source)
      case 'target PostgreSQL':
        return killed(target)
    }
  }

  async #acting() {
    const { engine } = await askAny(this.#lego, (control) => control.status())
    const acting = this.#lego.engines.find((one) => one.name === engine.active)
    if (!acting) throw new Error(`no engine is acting (the lease says ${engine.active})`)
    return acting
  }

  /** Waits until an engine other than this one holds the lease. @throws after 10 s. */
  async #takenOver(paused: string): Promise<void> {
    const deadline = Date.now() + RECOVERY_MS
    while (Date.now() < deadline) {
      const { engine } = await askAny(this.#lego, (control) => control.status())
      if (engine.active !== null && engine.active !== paused) return
      await delay(50)
    }
    throw new StuckError(`no other engine took over from ${paused} within ${RECOVERY_MS} ms`)
  }

  async #recovered(): Promise<number | null> {
    const begun = Date.now()
    const { monolith, wishlist } = this.#lego.urls
    for (;;) {
      const wrong = await bucketsWithoutOwner('wishlist', {
        source: monolith,
        target: wishlist,
      }).catch(() => Number.NaN)
      if (wrong === 0) return Date.now() - begun
      if (Date.now() - begun > RECOVERY_MS) return null
      await delay(20)
    }
  }
}
