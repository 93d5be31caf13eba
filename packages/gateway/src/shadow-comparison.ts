import {
  type ComparedAnswer,
  type Difference,
  differences,
  type Excuse,
  isBelow,
} from './json-difference.ts'
import { type LearnedNoise, Noise } from './shadow-noise.ts'

/** What came of a comparison so far: `again` to ask once more, `unsteady` when nobody can tell. */
export type Verdict = 'again' | 'unsteady' | readonly Difference[]

/** Further repetitions for what had just changed; few changes meet two of them. */
const CHANCES = 2

/**
 * One read compared at both sides, as often as it takes to tell a fault from noise and lag. A fault is where the
 * sides differ each time, while the owner neither differs from itself nor has changed since the time before.
 */
export class Comparison {
  readonly #ignore: readonly string[]
  readonly #learned: LearnedNoise
  readonly #noise = new Noise()
  /** Repetitions that are left. */
  #left: number
  /** Where the sides have differed every time. */
  #suspects: readonly Difference[] | null = null
  #previous: ComparedAnswer | null = null

  /**
   * @param ignore places that never count, with all below.
   * @param again how often it may be asked again.
   */
  constructor(ignore: readonly string[], learned: LearnedNoise, again: number) {
    this.#ignore = ignore
    this.#learned = learned
    this.#left = again
    learned.begin()
  }

  /** @param owner its answer to the client. */
  first(owner: ComparedAnswer, other: ComparedAnswer): Verdict {
    return this.#judge(owner, other)
  }

  /** @param before the owner's answer right before `other`, `owner` that right after it. */
  again(before: ComparedAnswer, other: ComparedAnswer, owner: ComparedAnswer): Verdict {
    const noise = differences(before, owner, (path) => isBelow(path, this.#ignore))
    for (const difference of noise) this.#noise.add(difference)
    this.#learned.learn(noise)
    return this.#judge(owner, other)
  }

  #judge(owner: ComparedAnswer, other: ComparedAnswer): Verdict {
    const previous = this.#previous
    this.#previous = owner
    const excuse: Excuse = (path, kind) => this.#excuses(path, kind)
    const found = differences(owner, other, excuse)
    const suspects = this.#suspects
    const still = suspects
      ? found.filter(({ path }) => suspects.some((suspect) => suspect.path === path))
      : found
    this.#suspects = still
    if (still.length === 0) return still
    if (this.#left-- > 0) return 'again'
    const changed = previous ? differences(previous, owner, excuse).map(({ path }) => path) : []
    const steady = still.filter(({ path }) => !changed.includes(path))
    if (steady.length > 0) return steady
    // What changes all the time is always a little ahead of the other side: lag, or a fault, nobody can tell.
    return this.#left >= -CHANCES ? 'again' : 'unsteady'
  }

  #excuses(path: string, kind: boolean): boolean {
    return (
      isBelow(path, this.#ignore) ||
      this.#noise.excuses(path, kind) ||
      this.#learned.excuses(path, kind)
    )
  }
}
