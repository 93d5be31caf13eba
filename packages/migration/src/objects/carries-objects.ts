import type { BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { Cargo, CargoFigures, Progress } from '../cargo.ts'
import type { ExtractionDependencies } from '../dependencies.ts'
import type { ExtractionStatus, HandoverRecord, Phase } from '../status.ts'
import type { ExtractionRow } from '../store.ts'
import { ControlRecords } from './control-records.ts'
import { ExtractionObjects } from './extraction-objects.ts'
import type { ResolvedObjects } from './objects-plan.ts'

/** A gateway asks again for 2 s, and a look takes its time: up to this lag, ms, what then differs is not for the lag. */
const SHADOW_LAG_MS = 1_500

/** What a handover asks of the objects that move with it; the cargo below calls it. */
export interface ObjectsInHandover {
  /** What is in the way, before anybody is held; null when nothing is. */
  notReady(): string | null
  /**
   * While nobody writes the buckets: makes the other side have all of their objects.
   *
   * @returns why not, or null
   */
  settle(buckets: BucketSet, from: SideName, withinMs: number): Promise<string | null>
}

/** Objects beside whatever else an extraction moves: no phase goes on, and no bucket moves, without them. */
export class CarriesObjects implements Cargo {
  readonly #d: Pick<ExtractionDependencies, 'control' | 'term'>
  readonly #plan: ResolvedObjects
  readonly #extraction: string
  readonly #databases: Readonly<Record<SideName, string | null>>
  readonly #cargo: Cargo
  #objects: ExtractionObjects | null = null
  /** The target's buckets as the objects are followed by; null while they are not followed. */
  #following: BucketSet | null = null
  /** What was in the way when the handover began. */
  #notReady: string | null = null
  /** The phase, by its begin, whose comparison has begun. */
  #comparedIn: string | null = null

  /**
   * @param databases of the two sides, where the plan has them
   * @param cargoOf what else moves; it asks the objects in its handovers
   */
  constructor(
    d: Pick<ExtractionDependencies, 'control' | 'term' | 'plan'>,
    plan: ResolvedObjects,
    databases: Readonly<Record<SideName, string | null>>,
    cargoOf: (objects: ObjectsInHandover) => Cargo,
  ) {
    this.#d = d
    this.#plan = plan
    this.#extraction = d.plan.name
    this.#databases = databases
    this.#cargo = cargoOf({
      notReady: () => this.#notReady,
      settle: (buckets, from, withinMs) => this.#objects!.settle(buckets, from, withinMs),
    })
  }

  get owned(): BucketSet {
    return this.#cargo.owned
  }

  get attempts(): number {
    return this.#cargo.attempts
  }

  get divergent(): number | null {
    return this.#cargo.divergent
  }

  lags(): readonly (number | null)[] {
    return this.#cargo.lags()
  }

  inStep(): boolean {
    return this.#cargo.inStep() && this.#objects?.isBehind(SHADOW_LAG_MS) === false
  }

  async take(row: ExtractionRow, signal: AbortSignal): Promise<readonly string[] | null> {
    const missing = await this.#cargo.take(row, signal)
    if (missing) {
      await this.#letGo()
      return missing
    }
    // What ends needs no files: they may be why it does.
    const ending = row.wanted.some((one) => one === 'completing' || one === 'cancelling')
    if (ending) return null
    this.#objects ??= await ExtractionObjects.open(this.#plan, {
      extraction: this.#extraction,
      term: this.#d.term,
      control: this.#d.control,
      databases: this.#databases,
    })
    return null
  }

  async tick(row: ExtractionRow): Promise<boolean> {
    const asked = row.wanted.includes('verify')
    const goesOn = await this.#cargo.tick(row)
    const ending = row.wanted.some((one) => one === 'completing' || one === 'cancelling')
    const stands = ending || (row.paused && row.phase === 'copying')
    await this.#follow(stands || !goesOn ? null : this.owned)
    if (asked) this.#objects?.verify()
    return goesOn
  }

  /** Whose an object is decides which way it goes: with other owners it is begun anew. */
  async #follow(owned: BucketSet | null): Promise<void> {
    const same = owned === null ? this.#following === null : this.#following?.equals(owned)
    if (same) return
    await this.#objects?.stop()
    this.#following = owned
    if (owned) this.#objects?.start(owned)
  }

  async fill(row: ExtractionRow): Promise<Progress> {
    const rest = await this.#cargo.fill(row)
    const waitsFor = row.paused ? [] : this.#waitsFor()
    if ('waitsFor' in rest) return { waitsFor: [...rest.waitsFor, ...waitsFor] }
    if (row.paused || waitsFor.length > 0) return { waitsFor }
    const { objects, bytes } = await this.#objects!.figures()
    return { done: { ...rest.done, objects, bytes } }
  }

  /** Every copy was read anew, and none was another. */
  async check(row: ExtractionRow): Promise<Progress> {
    const rest = await this.#cargo.check(row)
    if (row.paused) return { waitsFor: [] }
    const phase = row.phaseSince.toISOString()
    if (this.#comparedIn !== phase) {
      this.#comparedIn = phase
      this.#objects!.verify()
    }
    const { verified } = this.#objects!
    // What differed is copied again by now: it is to be seen that it is the same.
    if (verified && verified.differing > 0) this.#objects!.verify()
    const compared = verified?.differing === 0 ? [] : ['the comparison of all objects']
    const waitsFor = [...compared, ...this.#waitsFor()]
    if ('waitsFor' in rest) return { waitsFor: [...rest.waitsFor, ...waitsFor] }
    if (waitsFor.length > 0) return { waitsFor }
    return { done: { ...rest.done, objects: verified!.compared, differing: 0 } }
  }

  owes(phase: Phase): readonly string[] {
    return [...this.#cargo.owes(phase), ...this.#waitsFor()]
  }

  #waitsFor(): readonly string[] {
    return this.#objects?.waitsFor() ?? []
  }

  /**
   * What is under way stands still meanwhile: it would belong to the wrong side after it. Where it is not
   * known how it ended, it stays so until everything is taken up anew.
   */
  async handOver(buckets: BucketSet, from: SideName, attempt: number): Promise<HandoverRecord> {
    this.#notReady = this.#waitsFor()[0] ?? null
    if (!this.#notReady) await this.#follow(null)
    const record = await this.#cargo.handOver(buckets, from, attempt)
    await this.#follow(this.owned)
    return record
  }

  async finish(ending: 'completing' | 'cancelling'): Promise<void> {
    await this.#follow(null)
    await this.#cargo.finish(ending)
    await new ControlRecords(this.#d.control, this.#extraction, this.#d.term).forgetAll()
  }

  async rest(): Promise<void> {
    await this.#letGo()
    await this.#cargo.rest()
  }

  async #letGo(): Promise<void> {
    const objects = this.#objects
    this.#objects = null
    this.#following = null
    await objects?.close()
  }

  async figures(before: ExtractionStatus): Promise<CargoFigures> {
    const figures = await this.#cargo.figures(before)
    const objects = (await this.#objects?.figures()) ?? before.objects
    return { ...figures, ...(objects ? { objects } : {}) }
  }
}
