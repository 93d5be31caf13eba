import { setTimeout as delay } from 'node:timers/promises'
import type { ManagedProcess } from '@banyan/lab'
import { type Fault, PROVED, type Victim } from './faults.ts'
import type { Haproxy } from './haproxy.ts'
import { bucketsWithoutOwner } from './ownership.ts'
import { momentOf, type StepGate } from './step-gate.ts'
import { askAny, type Lego } from './topology.ts'

export interface Struck extends Fault {
  /** From when engine and databases are there again until every bucket had one owner, ms; null: not within 10 s. */
  readonly recoveryMs: number | null
  /** Another engine took over from the one that was struck. */
  readonly tookOver: boolean
  /** The one that was paused noticed, and stepped back. */
  readonly steppedBack: boolean
}

/** Every bucket has an owner again within this, ms (handover.md, "No wedge"). */
const RECOVERY_MS = 10_000
/** Longer than writes are held (2 s), shorter than an engine's lease (5 s). */
const PAUSE_MS = 3_000
/** A gateway's lease is 8 s long; it must be over. */
const LEASE_OVER_MS = 9_000

/** What should have come by itself has not. */
export class StuckError extends Error {}

/** How one fault is done. */
interface Blow {
  strike(): void | Promise<void>
  /** Puts the victim back to work. */
  restore(): Promise<void>
  /** Whether the engine or a database is away until then: recovery is measured from there. */
  readonly wedges: boolean
  /** With the control database the gate is away too. */
  readonly takesGate?: boolean
  /** Waits until another engine acts, before the victim is restored. */
  takenOver?(): Promise<void>
  /** Waits until the victim has stepped back, after it was restored. */
  steppedBack?(): Promise<void>
}

interface Killable {
  kill(): Promise<void>
  start(): Promise<void>
}

interface Pausable {
  pause(): void | Promise<void>
  resume(): void | Promise<void>
}

/** Strikes when the moment has come, restarts what was struck, and measures the recovery. */
export class Injector {
  readonly #lego: Lego
  readonly #gate: StepGate

  constructor(lego: Lego, gate: StepGate) {
    this.#lego = lego
    this.#gate = gate
  }

  /** From now on the engine stops where the fault is to strike. */
  async arm(fault: Fault): Promise<void> {
    const moment = momentOf(fault)
    if (moment) await this.#gate.arm(moment)
  }

  /**
   * Strikes an armed fault.
   *
   * @param asked resolves when the operator has asked for what leads there.
   * @returns null when the signal came before the moment did.
   */
  async strike(fault: Fault, asked: Promise<void>, signal: AbortSignal): Promise<Struck | null> {
    const gated = momentOf(fault) !== null
    if (!gated) await asked
    else if (!(await this.#gate.reached(signal))) {
      await this.#gate.release()
      return null
    }
    // Chosen now: who acts is known only when the moment has come.
    const blow = await this.#blow(fault)
    const atTheGate = gated && fault.afterMs === null
    if (!atTheGate) {
      if (gated) await this.#gate.release()
      await delay(fault.afterMs ?? 0)
    }
    await blow.strike()
    // Also when it was struck at the gate: whatever the engine had sent is then done without it. With
    // the server gone the lock is too; its row goes once the server is back.
    if (atTheGate && !blow.takesGate) await this.#gate.release()
    const waiting = blow.wedges ? null : this.#recovered()
    await blow.takenOver?.()
    await blow.restore()
    if (blow.takesGate) await this.#gate.release()
    const recoveryMs = await (waiting ?? this.#recovered())
    await blow.steppedBack?.()
    return {
      ...fault,
      recoveryMs,
      tookOver: blow.takenOver !== undefined,
      steppedBack: blow.steppedBack !== undefined,
    }
  }

  async #blow({ victim, extraction, gateway: number }: Fault): Promise<Blow> {
    const { services, monolith, source, target } = this.#lego
    const gateway = this.#lego.gateways[number]!
    const haproxy = this.#lego.haproxies[number]
    if (haproxy) {
      const blow = drivenBlow(victim, gateway, haproxy)
      if (blow) return blow
    }
    switch (victim) {
      case 'engine':
        return this.#engineBlow(await this.#engine('acting'), 'kill')
      case 'engine paused':
        return this.#engineBlow(await this.#engine('acting'), 'pause')
      case 'standby engine':
        return kill(await this.#engine('standing by'), { wedges: false })
      case 'gateway':
        return kill(gateway, { wedges: false })
      case 'gateway paused':
        return pause(gateway, LEASE_OVER_MS, { wedges: false })
      case 'gateway gone': {
        const blow = kill(gateway, { wedges: false })
        return { ...blow, restore: () => delay(LEASE_OVER_MS).then(blow.restore) }
      }
      case 'service':
        return kill(services[extraction]!, { wedges: false })
      case 'service paused':
        return pause(services[extraction]!, PAUSE_MS, { wedges: false })
      case 'monolith':
        return kill(monolith, { wedges: false })
      case 'monolith paused':
        return pause(monolith, PAUSE_MS, { wedges: false })
      case 'source PostgreSQL':
        return kill(source, { wedges: true })
      case 'source PostgreSQL paused':
        return pause(source, PAUSE_MS, { wedges: true })
      case 'target PostgreSQL':
        return kill(target, { wedges: true, takesGate: true })
      case 'target PostgreSQL paused':
        return pause(target, PAUSE_MS, { wedges: true, takesGate: true })
      default:
        throw new Error(`${victim} is struck only where requests go through HAProxy`)
    }
  }

  /** The other engine is reachable all the while: recovery is measured from the blow. */
  #engineBlow(engine: ManagedProcess, how: 'kill' | 'pause'): Blow {
    const takenOver = () => this.#takenOver(engine.name)
    if (how === 'kill') return { ...kill(engine, { wedges: false }), takenOver }
    return {
      ...pause(engine, 0, { wedges: false }),
      takenOver,
      steppedBack: () => this.#steppedBack(engine),
    }
  }

  async #engine(which: 'acting' | 'standing by'): Promise<ManagedProcess> {
    const { engine } = await askAny(this.#lego, (control) => control.status())
    const found = this.#lego.engines.find(
      (one) => (one.name === engine.active) === (which === 'acting'),
    )
    if (!found) throw new StuckError(`no engine is ${which} (the lease says ${engine.active})`)
    return found
  }

  /** Waits until an engine other than this one holds the lease. @throws StuckError after 10 s. */
  async #takenOver(struck: string): Promise<void> {
    await until(`no other engine took over from ${struck}`, async () => {
      const { engine } = await askAny(this.#lego, (control) => control.status())
      return engine.active !== null && engine.active !== struck
    })
  }

  /** Waits until an engine that goes on says that its term is over. @throws StuckError after 10 s. */
  async #steppedBack(engine: ManagedProcess): Promise<void> {
    await until(`${engine.name} went on after it was deposed`, async () => {
      const lines = engine.lastLines(100)
      const resumed = lines.findLastIndex((line) => line.endsWith('SIGCONT'))
      return lines.slice(resumed).some((line) => line.includes('this term is over'))
    })
  }

  async #recovered(): Promise<number | null> {
    const begun = Date.now()
    const { urls } = this.#lego
    for (;;) {
      const wrong = await Promise.all(
        PROVED.map((name) =>
          bucketsWithoutOwner(name, { source: urls.monolith, target: urls[name] }),
        ),
      ).catch(() => [Number.NaN])
      if (wrong.every((one) => one === 0)) return Date.now() - begun
      if (Date.now() - begun > RECOVERY_MS) return null
      await delay(50)
    }
  }
}

function kill(victim: Killable, what: { wedges: boolean; takesGate?: boolean }): Blow {
  return { ...what, strike: () => victim.kill(), restore: () => victim.start() }
}

/** Null for what is struck as ever. */
function drivenBlow(victim: Victim, driver: ManagedProcess, haproxy: Haproxy): Blow | null {
  const what = { wedges: false }
  switch (victim) {
    case 'gateway': {
      let struck: number | null = null
      return {
        ...what,
        strike: () => {
          struck = haproxy.pid
          return haproxy.kill()
        },
        restore: () => haproxy.startedAgain(struck),
      }
    }
    case 'gateway paused':
      return pause(haproxy, LEASE_OVER_MS, what)
    case 'gateway gone':
      return {
        ...what,
        strike: async () => {
          await driver.kill()
          await haproxy.kill()
        },
        restore: () => delay(LEASE_OVER_MS).then(() => driver.start()),
      }
    case 'driver':
      return kill(driver, what)
    case 'driver paused':
      return pause(driver, LEASE_OVER_MS, what)
    case 'driver gone': {
      const blow = kill(driver, what)
      return { ...blow, restore: () => delay(LEASE_OVER_MS).then(blow.restore) }
    }
    default:
      return null
  }
}

function pause(
  victim: Pausable,
  forMs: number,
  what: { wedges: boolean; takesGate?: boolean },
): Blow {
  return {
    ...what,
    strike: () => victim.pause(),
    restore: async () => {
      await delay(forMs)
      await victim.resume()
    },
  }
}

/** @throws StuckError when it does not come within 10 s. */
async function until(otherwise: string, come: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + RECOVERY_MS
  while (!(await come().catch(() => false))) {
    if (Date.now() > deadline) throw new StuckError(`${otherwise} within ${RECOVERY_MS} ms`)
    await delay(50)
  }
}
