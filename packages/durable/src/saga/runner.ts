import { CutOff } from '../deadline.ts'
import type { Durable } from '../durable.ts'
import { Loop } from '../loop.ts'
import { isOutage } from '../outage.ts'
import type { SagaDefinition } from './definition.ts'
import { type AroundStep, Driver, type DriverParts } from './driver.ts'
import { Journal } from './journal.ts'
import { type LeasedSaga, SagaStore } from './store.ts'
import { Transactor } from './transactor.ts'

export interface SagaRunnerOptions {
  readonly durable: Durable
  readonly sagas: readonly SagaDefinition[]
  /** Sagas under way at once; 1,500 by default. Each waits in memory for its own calls. */
  readonly concurrency?: number
  /** Transactions of steps at once, each with a connection of the pool; 2 by default. */
  readonly connections?: number
  /** Steps at most in one transaction; 100 by default. */
  readonly groupSize?: number
  /** After this long, ms, without a sign of life another runner takes over; 15,000 by default. */
  readonly leaseMs?: number
  /** Looks at least this often, ms, for what no notification announced; 500 by default. */
  readonly pollMs?: number
  /** Sagas that ended longer ago, ms, are deleted; 7 days by default. Their keys are free then. */
  readonly keptMs?: number
  /** Put around each attempt of a step, inside its transaction: for logs and traces. */
  readonly around?: AroundStep
  /** Told of each attempt that failed. */
  readonly onProblem?: (error: Error) => void
}

export interface SagaRunnerStatus {
  readonly state: 'idle' | 'running' | 'stopping' | 'stopped'
  /** Sagas under way in this process. */
  readonly active: number
  /** Since the start; compensations not counted. */
  readonly stepsDone: number
}

const DAY_MS = 86_400_000
const PRUNE_EVERY_MS = 60_000
/** Sagas of one claim: while more are claimed these run. */
const MOST_CLAIMED = 500

/** Runs sagas: leases those that are due, takes many of them ahead at once, gives back what it cannot end. */
export class SagaRunner {
  readonly #options: SagaRunnerOptions
  readonly #definitions: ReadonlyMap<string, SagaDefinition>
  readonly #store: SagaStore
  readonly #journal: Journal
  readonly #parts: DriverParts
  readonly #loop: Loop
  readonly #cutOff = new CutOff()
  readonly #active = new Map<string, { saga: LeasedSaga; driven: Promise<void> }>()
  readonly #leaseMs: number
  readonly #report: (error: Error) => void
  #state: SagaRunnerStatus['state'] = 'idle'
  #stepsDone = 0
  #prunedAt = performance.now()
  #unblocked = false
  #freed = () => {}
  #renewal: NodeJS.Timeout | undefined

  /** @throws an Error when two definitions have one name. */
  constructor(options: SagaRunnerOptions) {
    this.#options = options
    const { sagas } = options
    this.#definitions = new Map(sagas.map((saga) => [saga.name, saga]))
    if (this.#definitions.size < sagas.length) {
      throw new Error(`Two sagas have one name: ${sagas.map((saga) => saga.name).join(', ')}.`)
    }
    const { durable } = options
    this.#leaseMs = options.leaseMs ?? 15_000
    this.#report = options.onProblem ?? (() => {})
    this.#store = new SagaStore(durable)
    this.#journal = new Journal(durable, this.#store, this.#report)
    const transactor = new Transactor(durable, this.#store, {
      connections: options.connections ?? 2,
      groupSize: options.groupSize ?? 100,
      leaseMs: this.#leaseMs,
      onOutage: (saga) => void this.#release(saga),
    })
    // One for all: hundreds of sagas a second begin.
    this.#parts = {
      around: options.around,
      journal: this.#journal,
      transactor,
      cutOff: this.#cutOff,
      stopping: () => this.#state === 'stopping' || this.#state === 'stopped',
      onStep: () => {
        this.#stepsDone++
      },
      onProblem: this.#report,
    }
    this.#loop = new Loop({
      durable,
      topic: 'saga',
      pollMs: options.pollMs ?? 500,
      onProblem: this.#report,
      pass: (signal) => this.#pass(signal),
      due: this.#store.due(sagas),
      choreInMs: () => this.#prunedAt + PRUNE_EVERY_MS - performance.now(),
    })
  }

  /** What was blocked for want of a step is tried once more: a deploy may have brought it. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    this.#renewal = setInterval(() => void this.#renew(), this.#leaseMs / 3)
    this.#loop.start()
  }

  /** Ends steps under way, gives the sagas back; after `graceMs` steps are cut off, as if they had failed. */
  async stop(graceMs = 30_000): Promise<void> {
    if (this.#state === 'idle') this.#state = 'stopped'
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const timer = setTimeout(() => {
      this.#cutOff.end()
      this.#journal.giveUp()
    }, graceMs)
    await this.#loop.stop()
    await Promise.all([...this.#active.values()].map((each) => each.driven))
    clearTimeout(timer)
    clearInterval(this.#renewal)
    this.#state = 'stopped'
  }

  status(): SagaRunnerStatus {
    return { state: this.#state, active: this.#active.size, stepsDone: this.#stepsDone }
  }

  /** Takes sagas that are due as far as they go, once. @returns whether there were any. */
  async pass(): Promise<boolean> {
    const some = await this.#pass(new AbortController().signal)
    await Promise.all([...this.#active.values()].map((each) => each.driven))
    return some
  }

  async #pass(signal: AbortSignal): Promise<boolean> {
    if (!this.#unblocked) await this.#store.unblock([...this.#definitions.values()])
    this.#unblocked = true
    const { concurrency = 1_500, keptMs = 7 * DAY_MS } = this.#options
    await this.#room(concurrency, signal)
    if (signal.aborted) return false
    const limit = Math.min(concurrency - this.#active.size, MOST_CLAIMED)
    const sagas = await this.#store.claim([...this.#definitions.values()], limit, this.#leaseMs)
    for (const saga of sagas) this.#active.set(saga.id, { saga, driven: this.#drive(saga) })
    if (sagas.length === 0 && performance.now() - this.#prunedAt > PRUNE_EVERY_MS) {
      this.#prunedAt = performance.now()
      return (await this.#store.prune(keptMs)) > 0
    }
    return sagas.length > 0
  }

  /** Until a fifth is free: claims of one or two sagas would cost as much as those of a hundred. */
  async #room(concurrency: number, signal: AbortSignal): Promise<void> {
    const wanted = Math.ceil(concurrency / 5)
    const wake = () => this.#freed()
    signal.addEventListener('abort', wake)
    while (concurrency - this.#active.size < wanted && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#freed = resolve
      })
    }
    signal.removeEventListener('abort', wake)
  }

  async #drive(saga: LeasedSaga): Promise<void> {
    try {
      await new Driver(saga, this.#definitions.get(saga.name)!, this.#parts).drive()
    } catch (error) {
      this.#report(error as Error)
    }
    if (this.#active.get(saga.id)?.saga === saga) this.#active.delete(saga.id)
    this.#freed()
  }

  async #renew(): Promise<void> {
    const held = [...this.#active.values()].map((each) => each.saga)
    if (held.length > 0) await this.#store.renew(held, this.#leaseMs).catch(this.#report)
  }

  /** While the database is away there is nothing to be done but wait; at worst the lease runs out. */
  async #release(saga: LeasedSaga): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      try {
        await this.#store.release(saga)
        return
      } catch (error) {
        if (!isOutage(error)) return this.#report(error as Error)
        await new Promise((resolve) => setTimeout(resolve, 200).unref())
      }
    }
  }
}
