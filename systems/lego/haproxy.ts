import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessEvent, Supervisor } from '@banyan/lab'

/** Until a driver has started its HAProxy again, ms. */
const AGAIN_MS = 10_000

/** What a gateway's requests go through. */
export const DATA_PLANES = ['banyan', 'haproxy'] as const
export type DataPlane = (typeof DATA_PLANES)[number]

/** What a data plane asks of the plan: what sends no shadow reads compares none. */
export function planEnvOf(dataPlane: DataPlane): Record<string, string> {
  return dataPlane === 'banyan' ? {} : { BANYAN_MINIMUM_COMPARED: '0' }
}

/** The HAProxy of a gateway: a process that its driver starts, finds and starts again, and that outlives it. */
export class Haproxy {
  readonly #supervisor: Supervisor
  #pid: number | null = null

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  /** Takes what the driver prints. */
  hear({ event, pid }: ProcessEvent): void {
    if (event !== 'data plane' || typeof pid !== 'number' || pid === this.#pid) return
    if (this.#pid !== null) this.#supervisor.release(this.#pid)
    this.#supervisor.entrust(pid)
    this.#pid = pid
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL')
  }

  /** Its driver does it. @throws Error when it has not within 10 s */
  async startedAgain(since: number | null): Promise<void> {
    const deadline = Date.now() + AGAIN_MS
    while (this.#pid === since) {
      if (Date.now() > deadline) throw new Error(`HAProxy ${since} was not started again`)
      await delay(20)
    }
  }

  get pid(): number | null {
    return this.#pid
  }

  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#pid !== null) process.kill(this.#pid, name)
  }
}
