import type { Difference } from './json-difference.ts'

/** Pairs of the owner's answers that must have differed at a place before it counts as noise there. */
const LEAST = 3
/** And of all pairs that were asked for: rows that change between two reads are rarer than this. */
const LEAST_SHARE = 0.1
/** Comparisons after which what is known is learned anew: the owner may have become another. */
const FORGET_AFTER = 5_000
/** Places kept at most. */
const PLACES = 1_000

/** Places where the owner differs from itself when it is asked twice at once. */
export class Noise {
  /** By path; whether even what kind of value stands there differs. */
  readonly #places = new Map<string, boolean>()

  add({ path, kind }: Difference): void {
    if (this.#places.size < PLACES) this.#places.set(path, kind || this.#places.get(path) === true)
  }

  /** A value that is noise may still not be missing, or of another type. */
  excuses(path: string, kind: boolean): boolean {
    if (this.#places.size === 0) return false
    return placesAbove(path, (place) => {
      const ofKind = this.#places.get(place)
      return ofKind !== undefined && (ofKind || !kind)
    })
  }
}

/** What the comparisons of one route have found out about the owner's noise, for those that follow. */
export class LearnedNoise {
  #pairs = 0
  #comparisons = 0
  readonly #times = new Map<string, { any: number; ofKind: number }>()

  /** A comparison begins. */
  begin(): void {
    if (++this.#comparisons < FORGET_AFTER) return
    this.#comparisons = this.#pairs = 0
    this.#times.clear()
  }

  /** Two answers of the owner, asked for at once, differ so. */
  learn(found: readonly Difference[]): void {
    this.#pairs++
    for (const { path, kind } of found) {
      const times = this.#times.get(path) ?? { any: 0, ofKind: 0 }
      times.any++
      if (kind) times.ofKind++
      if (this.#times.size < PLACES) this.#times.set(path, times)
    }
  }

  /** Whether a difference at a place says nothing. A value that is noise may still not be of another type. */
  excuses(path: string, kind: boolean): boolean {
    if (this.#times.size === 0) return false
    const least = Math.max(LEAST, this.#pairs * LEAST_SHARE)
    return placesAbove(path, (place) => {
      const times = this.#times.get(place)
      return times !== undefined && (kind ? times.ofKind : times.any) >= least
    })
  }
}

/** Whether one of a place and those that it is below is such. */
function placesAbove(path: string, is: (place: string) => boolean): boolean {
  for (let end = path.length; end > 0; ) {
    if (is(path.slice(0, end))) return true
    end = Math.max(path.lastIndexOf('.', end - 1), path.lastIndexOf('[', end - 1))
  }
  return false
}
