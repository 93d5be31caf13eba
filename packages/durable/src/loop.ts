import { setTimeout as delay } from 'node:timers/promises'
import type { Durable } from './durable.ts'
import type { DueSql } from './lookout.ts'
import type { Topic } from './waker.ts'

export interface LoopOptions {
  readonly durable: Durable
  readonly topic: Topic
  /**
   * One round of work; whether there was any. `all` when that was all there was, and little: what comes next is left
   * to gather, as a round for each piece costs more than the pieces. Should stop early when the signal aborts.
   */
  readonly pass: (signal: AbortSignal) => Promise<boolean | 'all'>
  /** For how long it gathers then, ms. Nobody who is alone waits for it: only who comes within it. */
  readonly gatherMs?: number
  /** What a round would find; null where nothing can come, as nobody here would know what to do with it. */
  readonly due: DueSql | null
  /** Whether a round that found nothing may have left something that is due sooner than in `pollMs`. */
  readonly timed?: boolean
  /** How long until a round is to be made whatever the tables say, ms: it keeps house. Asked before each rest. */
  readonly choreInMs?: () => number
  /**
   * Of a loop that helps another one: whether that has more than it can do. Until then it looks for nothing; it is to be
   * woken when it is needed.
   */
  readonly needed?: () => boolean
  /** The tables are looked at at least this often, ms, for what no notification announced. */
  readonly pollMs: number
  /** Told of each round that failed; the loop goes on by itself. */
  readonly onProblem: (error: Error) => void
}

const BACKOFF_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000]
/** While work keeps coming it is looked for this often, ms, and writers need not notify. */
const AWAKE_POLL_MS = 50
/** Rounds without work before the runner sleeps. */
const IDLE_PASSES = 4
/** A runner of another process that died awake has said that writers need not notify: so often that is taken back, ms. */
const SAY_AGAIN_MS = 5_000
/** The longest that a timer of Node can wait, ms. */
const FOR_EVER_MS = 2 ** 31 - 1

/** Runs rounds of work for as long as there is any, sleeps between, and wakes when told to. */
export class Loop {
  readonly #options: LoopOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #wake: () => void = () => {}
  #woken = false
  /** What `sleeper` says, as far as this loop knows. */
  #asleep = true
  #toldAt = Number.NEGATIVE_INFINITY
  /** Whether the row may say that a runner is awake, though this one sleeps. */
  #doubted = true

  constructor(options: LoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends its rest, as a notification does. */
  wake(): void {
    this.#woken = true
    this.#wake()
  }

  /** Lets the round that runs finish, then ends. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { durable, pass, gatherMs = 0, topic, onProblem, needed = () => true } = this.#options
    const { signal } = this.#stop
    const unsubscribe = durable.waker.subscribe(topic, () => this.wake())
    let failures = 0
    let idle = IDLE_PASSES
    let busy = 0
    while (!signal.aborted) {
      try {
        this.#woken = false
        if (!needed()) {
          await this.#rest(FOR_EVER_MS)
          continue
        }
        const found = await pass(signal)
        const worked = found !== false
        failures = 0
        busy = worked ? busy + 1 : 0
        idle = worked ? 0 : idle + 1
        // Two rounds in a row with work: more is coming than one notification was about.
        if (busy > 1) await this.#tell(false)
        // Not cut short by a notification: most of what gathers sends one.
        if (found === 'all') await this.#pause(gatherMs)
        if (worked) continue
        if (!this.#asleep && idle < IDLE_PASSES) await this.#rest(AWAKE_POLL_MS)
        else if (await this.#tell(true)) continue
        else await this.#sleep()
      } catch (error) {
        onProblem(error as Error)
        // Not cut short by a notification: each message written meanwhile would be one more attempt.
        await this.#pause(BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]!)
      }
    }
    unsubscribe()
  }

  /** Until something is due, or is said to be there, or the house is to be kept. */
  async #sleep(): Promise<void> {
    const { durable, topic, due, timed = false, choreInMs, pollMs } = this.#options
    const found = (awake: boolean) => {
      this.#doubted ||= awake
      this.wake()
    }
    const unwatch = due
      ? durable.lookout.watch({ topic, due, pollMs, atOnce: timed, found })
      : () => {}
    const choreMs = choreInMs ? Math.max(1, Math.ceil(choreInMs())) : FOR_EVER_MS
    await this.#rest(Math.min(choreMs, FOR_EVER_MS))
    unwatch()
  }

  /** @returns whether the row was changed; then there is to be one more look before the sleep. */
  async #tell(asleep: boolean): Promise<boolean> {
    const known = asleep === this.#asleep
    const again = this.#doubted && performance.now() >= this.#toldAt + SAY_AGAIN_MS
    if (known && !(asleep && again)) return false
    const { durable, topic } = this.#options
    const { rowCount } = await durable.pool.query(
      `UPDATE ${durable.prefix}sleeper SET asleep = $2 WHERE topic = $1 AND asleep <> $2`,
      [topic, asleep],
    )
    this.#asleep = asleep
    this.#doubted = false
    this.#toldAt = performance.now()
    return rowCount === 1
  }

  /** Ends early where the loop is stopped. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }

  /** Ends early where it is woken, too. */
  async #rest(ms: number): Promise<void> {
    if (this.#woken || this.#stop.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }
}
