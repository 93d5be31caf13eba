import type { BucketSet } from '@banyan/contracts'
import { Follower, type FollowerStatus, type SideName } from '@banyan/objects'
import type { Pool } from '@banyan/postgres'
import { ControlRecords } from './control-records.ts'
import type { ResolvedObjects } from './objects-plan.ts'
import { openSides } from './open-sides.ts'

/** Listed in the status; all are counted. */
const LISTED = 20
/** They are listed anew so often at most, ms. */
const LIST_MS = 2_000

/** How an extraction's objects stand. */
export interface ObjectsFigures extends Omit<FollowerStatus, 'etaMs' | 'verified'> {
  readonly etaSeconds: number | null
  /** Of the limit in the plan; null: none. */
  readonly bytesPerSecondAllowed: number | null
  /** Those that their owner's side lists and does not have, or that the other will not take. */
  readonly examples: readonly { readonly key: string; readonly why: string }[]
  /** By their content: how many were compared the last time, and which copies were not the same. */
  readonly verified: {
    readonly at: string
    readonly compared: number
    readonly differing: number
    readonly examples: readonly string[]
  } | null
}

/** The objects of one extraction in the hands of one engine. */
export class ExtractionObjects {
  readonly #plan: ResolvedObjects
  readonly #follower: Follower
  #examples: ObjectsFigures['examples'] = []
  #listedAt = 0

  private constructor(plan: ResolvedObjects, follower: Follower) {
    this.#plan = plan
    this.#follower = follower
  }

  static async open(
    plan: ResolvedObjects,
    {
      extraction,
      term,
      control,
      databases,
    }: {
      readonly extraction: string
      readonly term: bigint
      readonly control: Pool
      readonly databases: Readonly<Record<SideName, string | null>>
    },
  ): Promise<ExtractionObjects> {
    const records = new ControlRecords(control, extraction, term)
    const follower = new Follower({
      sides: await openSides(plan, databases),
      records,
      stillOurs: () => records.stillOurs(),
      bytesPerSecond: () => plan.bytesPerSecond,
      mostGoneShare: plan.mostGoneShare,
    })
    return new ExtractionObjects(plan, follower)
  }

  /** @param owned buckets of the target */
  start(owned: BucketSet): void {
    this.#follower.start(owned)
  }

  stop(): Promise<void> {
    return this.#follower.stop()
  }

  /** Begins to compare the content of every copy. */
  verify(): void {
    this.#follower.verify()
  }

  /** Whether every copy was compared since `verify`, and was the same. */
  get verified(): { readonly compared: number; readonly differing: number } | null {
    const { verified, comparing } = this.#follower.status()
    return comparing === null ? verified : null
  }

  /** Whether something that was on its owner's side so long ago, ms, may not be on the other. */
  isBehind(ms: number): boolean {
    const { lagMs } = this.#follower.status()
    return lagMs === null || lagMs > ms
  }

  /** What is between the objects and a handover, or the next phase. */
  waitsFor(): readonly string[] {
    const { state, why, left, etaMs, problems } = this.#follower.status()
    const found: string[] = []
    if (state !== 'in step') {
      const eta = etaMs ? `, ${Math.ceil(etaMs / 1000)} s` : ''
      found.push(
        why
          ? `the objects to be in step: ${why}`
          : `the objects to be in step (${left.objects} left, ${left.bytes} bytes${eta})`,
      )
    }
    const most = this.#plan.mostProblems
    if (problems > most) {
      const example = this.#examples[0]
      found.push(
        `${problems} objects to be there and taken (allowed are ${most})${example ? `: ${example.why}` : ''}`,
      )
    }
    return found
  }

  /**
   * While nobody writes these buckets, and this is stopped: makes the other side have all of their objects.
   *
   * @returns why not, or null
   */
  async settle(buckets: BucketSet, from: SideName, withinMs: number): Promise<string | null> {
    const why = await this.#follower
      .settle(buckets, from, withinMs)
      .catch((error: Error) => error.message)
    if (why) return why
    const { problems } = this.#follower.status()
    const most = this.#plan.mostProblems
    if (problems <= most) return null
    return `${problems} objects are missing or refused, allowed are ${most}`
  }

  close(): Promise<void> {
    return this.#follower.close()
  }

  async figures(): Promise<ObjectsFigures> {
    const { etaMs, verified, ...status } = this.#follower.status()
    const untold = status.problems > 0 && this.#examples.length === 0
    if (untold || Date.now() - this.#listedAt > LIST_MS) {
      this.#listedAt = Date.now()
      const listed = await this.#follower.problems(LISTED)
      this.#examples = listed.map(({ key, problem }) => ({ key, why: problem?.why ?? '' }))
    }
    const { bytesPerSecond } = this.#plan
    return {
      ...status,
      etaSeconds: etaMs === null ? null : Math.ceil(etaMs / 1000),
      bytesPerSecondAllowed: bytesPerSecond === Number.POSITIVE_INFINITY ? null : bytesPerSecond,
      examples: this.#examples,
      verified: verified && {
        ...verified,
        examples: verified.examples.map(({ key, kind }) => `${key}: ${kind}`),
      },
    }
  }
}
