import { randomUUID } from 'node:crypto'
import type { BucketSet } from '@banyan/contracts'
import type { Link, PreparedCheck, SideName } from '@banyan/replication'
import { formatBarrier } from './barrier.ts'
import type { Gateways } from './gateways.ts'
import { budgetProblem } from './hold-budget.ts'
import type { Ledger, NewEntry } from './ledger.ts'
import { holdSetting, moveReads, release } from './moves.ts'
import type { ObjectsInHandover } from './objects/carries-objects.ts'
import type { ResolvedTables } from './plan.ts'
import { highestEpoch, inState, isAnswer, isStale, type Side } from './sides.ts'
import type { HandoverRecord } from './status.ts'
import { withRoutes } from './tables.ts'

/** Everything a handover acts on, as one engine holds it. */
export interface HandoverContext {
  readonly plan: ResolvedTables
  readonly monolithUrl: string
  /** Token of the engine's term, for route tables and the ledger; each side knows its own. */
  readonly term: bigint
  readonly source: Side
  readonly target: Side
  readonly forward: Link
  readonly reverse: Link
  readonly gateways: Gateways
  readonly ledger: Ledger
  /** Files that move with the rows; null where there are none. */
  readonly objects: ObjectsInHandover | null
  readonly signal: AbortSignal
  /** Makes ready to compare the rows of the buckets on both sides; null when there are too many, or it takes longer. */
  prepareCheck(buckets: BucketSet, withinMs: number): Promise<PreparedCheck | null>
}

/** The attempt ends with the old owner still owning. */
class AttemptAborted extends Error {
  readonly step: Step
  constructor(step: Step, why: string) {
    super(why)
    this.name = 'AttemptAborted'
    this.step = step
  }
}

/** It is not known what the databases did: the engine must raise its token and recover. */
class OutcomeUnknown extends Error {
  constructor(step: Step, cause: unknown) {
    super(`${step}: ${(cause as Error).message}`, { cause })
    this.name = 'OutcomeUnknown'
  }
}

/** The steps of docs/handover.md, by the names they have in the ledger. */
export const STEPS = [
  'ready',
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

/** How long step 0 waits for a marker to cross each stream, ms. */
const PROBE_MS = 2_000
/**
 * How long finding the rows to compare may take, ms. Nobody is held meanwhile; but whoever is at a service that fails must be
 * back within 2 s, and a million rows take as long to be counted.
 */
const PREPARE_MS: Readonly<Record<SideName, number>> = { source: 2_000, target: 200 }
/** The comparison while everything stands still gets this long at most, ms: users wait for it. */
const CHECK_MS = 150

/**
 * Gives buckets from one side to the other while clients write (docs/handover.md).
 *
 * @param attempt counts the attempts of this step, for the record.
 * @returns what happened: done, or aborted with the old owner still owning, to be tried again.
 * @throws OutcomeUnknown when only recovery can tell.
 */
export async function handOver(
  context: HandoverContext,
  buckets: BucketSet,
  from: SideName,
  attempt: number,
): Promise<HandoverRecord> {
  const run = new Handover(context, buckets, from, attempt)
  return run.run()
}

class Handover {
  readonly #context: HandoverContext
  readonly #buckets: BucketSet
  readonly #from: SideName
  readonly #to: SideName
  readonly #attempt: number
  /** Names this attempt in its barrier and in the gateways' holds. */
  readonly #id = randomUUID()
  readonly #a: Side
  readonly #z: Side
  readonly #stream: Link
  #prepared: PreparedCheck | null = null
  #step: Step = 'ready'
  #heldAt = 0
  #deadline = Number.POSITIVE_INFINITY
  /** How long holding and closing took, ms: moving reads and opening will take about as long. */
  #begunInMs = 0

  constructor(context: HandoverContext, buckets: BucketSet, from: SideName, attempt: number) {
    this.#context = context
    this.#buckets = buckets
    this.#from = from
    this.#to = from === 'source' ? 'target' : 'source'
    this.#attempt = attempt
    this.#a = context[this.#from]
    this.#z = context[this.#to]
    this.#stream = from === 'source' ? context.forward : context.reverse
  }

  async run(): Promise<HandoverRecord> {
    let closed = false
    let epoch = 0
    try {
      await this.#ready()
      epoch = await this.#nextEpoch()
      await this.#enter('hold')
      await this.#hold()
      await this.#enter('close')
      const barrier = formatBarrier({ attempt: this.#id, epoch, buckets: this.#buckets })
      await this.#flip(this.#a, 'open', 'closing', { epoch, barrier })
      closed = true
      this.#begunInMs = Date.now() - this.#heldAt
      await this.#enter('drain')
      await this.#drain(barrier)
      await this.#enter('check')
      await this.#check()
      const { holdBudgetMs } = this.#context.plan.handover
      const spent = budgetProblem(holdBudgetMs, this.#begunInMs, this.#timeLeft())
      if (spent) throw new AttemptAborted('check', spent)
      await this.#enter('give')
      // An abort reopens A; once A is given there is only forward, by us or by whoever recovers.
      await this.#flip(this.#a, 'closing', 'given', {})
    } catch (error) {
      if (error instanceof OutcomeUnknown) throw error
      await this.#abort(error as Error, closed, epoch)
      return this.#record(
        this.#heldAt ? Date.now() - this.#heldAt : 0,
        'aborted',
        (error as Error).message,
      )
    }
    return this.#finish(epoch)
  }

  /** Step 0. */
  async #ready(): Promise<void> {
    this.#step = 'ready'
    const { forward, reverse, plan, gateways } = this.#context
    // Nobody is to be held for an attempt that a gateway will not acknowledge.
    const silent = await gateways.silent()
    const notReady = silent ?? this.#context.objects?.notReady()
    if (notReady) throw new AttemptAborted('ready', notReady)
    for (const link of [forward, reverse]) {
      const { state, walStatus } = link.status()
      if (state !== 'streaming') throw new AttemptAborted('ready', `a stream is ${state}`)
      if (walStatus === 'lost' || walStatus === 'unreserved') {
        throw new AttemptAborted('ready', `a slot's WAL is ${walStatus}`)
      }
    }
    const lag = Math.max(
      ...(await Promise.all([forward, reverse].map((link) => link.probe(PROBE_MS).catch(failed)))),
    )
    if (lag > plan.gates.lagMs) throw new AttemptAborted('ready', `lag is ${lag} ms`)
    this.#prepared = await this.#context.prepareCheck(this.#buckets, PREPARE_MS[this.#from])

    function failed(error: Error): never {
      throw new AttemptAborted('ready', `a stream did not carry a marker across: ${error.message}`)
    }
  }

  /** Step 1: no write of B is on its way when this returns. */
  async #hold(): Promise<void> {
    this.#heldAt = Date.now()
    const budget = this.#context.plan.handover.holdBudgetMs
    this.#deadline = this.#heldAt + budget
    // A quarter is kept for closing, draining and giving, or for letting go before anybody is refused.
    const answer = await this.#publish(
      { hold: this.#holdSetting(false) },
      { drainMs: Math.floor(budget * 0.75), answerMs: Math.floor(budget * 0.1), outlast: false },
    )
    if (!answer.acknowledged) throw new AttemptAborted('hold', answer.why ?? 'not acknowledged')
  }

  /** Step 3. */
  async #drain(barrier: string): Promise<void> {
    const drained = await this.#stream.awaitBarrier(barrier, Math.max(1, this.#timeLeft()))
    if (!drained) throw new AttemptAborted('drain', 'the barrier did not arrive in time')
  }

  /** Step 4: rows where they are few enough; files always. */
  async #check(): Promise<void> {
    await this.#compareRows()
    const withinMs = this.#timeLeft() - 200
    const why = await this.#context.objects?.settle(this.#buckets, this.#from, withinMs)
    if (why) throw new AttemptAborted('check', why)
  }

  async #compareRows(): Promise<void> {
    const deadlineMs = Math.min(CHECK_MS, this.#timeLeft() - 200)
    if (!this.#prepared || deadlineMs <= 0) return
    const { outcome, tables } = await this.#prepared.run(deadlineMs)
    if (outcome === 'different') {
      throw new AttemptAborted('check', `the sides differ: ${tables.join(', ')}`)
    }
  }

  /** Steps 6 to 9. Failures here leave it to recovery, which goes forward. */
  async #finish(epoch: number): Promise<HandoverRecord> {
    try {
      await this.#enter('move reads')
      await moveReads(this.#context, this.#holdSetting(true))
      await this.#enter('open')
      await this.#flip(this.#z, 'closed', 'open', { epoch: epoch + 1 })
      await this.#enter('flip')
      await release(this.#context, this.#buckets, this.#to)
      const holdMs = Date.now() - this.#heldAt
      await this.#enter('settle')
      await this.#flip(this.#a, 'given', 'closed', {})
      const record = this.#record(holdMs, 'done', null)
      await this.#context.ledger.append(this.#context.plan.name, this.#context.term, [
        this.#fact('settle', {
          holdMs,
          from: this.#from,
          to: this.#to,
          buckets: this.#buckets.size,
        }),
      ])
      return record
    } catch (error) {
      throw error instanceof OutcomeUnknown ? error : new OutcomeUnknown(this.#step, error)
    }
  }

  /** Before *give*: A owns again, under a new epoch, and gateways let go of what they hold. */
  async #abort(cause: Error, closed: boolean, epoch: number): Promise<void> {
    const step = this.#step
    try {
      if (closed) await this.#flip(this.#a, 'closing', 'open', { epoch: epoch + 1 })
      // Ledger and table last: reopening needs only A.
      if (this.#heldAt > 0) {
        await this.#publish({ hold: null }, { drainMs: 0, outlast: false })
      }
      await this.#context.ledger.append(this.#context.plan.name, this.#context.term, [
        {
          kind: 'fact',
          what: 'handover aborted',
          detail: { step, why: cause.message, attempt: this.#id },
        },
      ])
    } catch (error) {
      throw error instanceof OutcomeUnknown ? error : new OutcomeUnknown(step, error)
    }
    if (!(cause instanceof AttemptAborted)) throw new OutcomeUnknown(step, cause)
  }

  async #flip(
    side: Side,
    from: 'open' | 'closing' | 'given' | 'closed',
    to: 'open' | 'closing' | 'given' | 'closed',
    options: { epoch?: number; barrier?: string },
  ): Promise<void> {
    try {
      await side.flip(this.#buckets, from, to, options)
    } catch (error) {
      // Only "waited too long for the writers" is a plain no: nothing was changed, it may be tried again.
      if (isAnswer(error) && !isStale(error)) {
        throw new AttemptAborted(this.#step, `${side.name}: ${error.message}`)
      }
      throw new OutcomeUnknown(this.#step, error)
    }
  }

  async #nextEpoch(): Promise<number> {
    const [a, z] = await Promise.all([this.#a.ownership(), this.#z.ownership()])
    const standing = this.#buckets.minus(inState(a, 'open'))
    if (standing.size > 0 || inState(z, 'open', 'closing', 'given').intersects(this.#buckets)) {
      throw new OutcomeUnknown('ready', new Error(`the ${this.#from} does not own all the buckets`))
    }
    return highestEpoch(this.#buckets, a, z) + 1
  }

  /** Writes the fact of the step before and the intent of this one, in one commit. */
  async #enter(step: Step): Promise<void> {
    const before = this.#step
    this.#step = step
    const { ledger, plan, term } = this.#context
    const intent: NewEntry = {
      kind: 'intent',
      what: step,
      detail: { attempt: this.#id, from: this.#from, to: this.#to, buckets: this.#buckets.size },
    }
    await ledger.append(plan.name, term, [this.#fact(before), intent])
  }

  #fact(step: Step, detail: Record<string, unknown> = {}): NewEntry {
    return { kind: 'fact', what: step, detail: { attempt: this.#id, ...detail } }
  }

  #holdSetting(reads: boolean) {
    return holdSetting(this.#context.plan, this.#buckets, reads, this.#id)
  }

  #publish(
    change: Parameters<typeof withRoutes>[2],
    options: { drainMs: number; answerMs?: number; outlast: boolean },
  ) {
    const { gateways, term, monolithUrl, plan, signal } = this.#context
    return gateways.publish(term, plan.name, withRoutes(monolithUrl, plan, change), {
      ...options,
      signal,
    })
  }

  #timeLeft(): number {
    return this.#deadline - Date.now()
  }

  #record(holdMs: number, outcome: 'done' | 'aborted', why: string | null): HandoverRecord {
    return {
      from: this.#from,
      to: this.#to,
      buckets: this.#buckets.size,
      holdMs,
      attempt: this.#attempt,
      outcome,
      why,
      at: new Date().toISOString(),
    }
  }
}
