/** Which elements of two arrays belong together, whatever their order. */
export interface Alignment {
  /** Indices of both, by those of the first. */
  readonly pairs: readonly (readonly [number, number])[]
  /** The first pair that stands elsewhere in the second array than its forerunners; null when none does. */
  readonly misplaced: readonly [number, number] | null
}

/** Elements that have no equal are compared each with each, up to so many; of more, one field must name them. */
const EACH_WITH_EACH = 64
/** Fields that name an element in most interfaces. */
const NAMES_IT = /^_?(id|uuid|guid|key|slug|code)$|(Id|_id)$/
/** Values that hardly tell elements apart, however few have them now. */
const SWITCH = /=(true|false|null)$/
/** Deeper than this nothing is looked for that tells elements apart. */
const DEPTH = 20

/**
 * Pairs the elements of two arrays: first equal ones, then the most similar (of many: those that one field names
 * the same), and at last what is left, as it comes.
 *
 * @param text of an element: the same for equal ones, and only for those.
 */
export function align(
  owner: readonly unknown[],
  other: readonly unknown[],
  text: (element: unknown) => string,
): Alignment {
  const pairing = new Pairing(owner, other)
  pairing.byText(text)
  pairing.byLikeness()
  pairing.byOrder()
  const pairs = pairing.pairs.sort(([a], [b]) => a - b)
  let last = -1
  for (const pair of pairs) {
    if (pair[1] < last) return { pairs, misplaced: pair }
    last = pair[1]
  }
  return { pairs, misplaced: null }
}

class Pairing {
  readonly pairs: [number, number][] = []
  readonly #owner: readonly unknown[]
  readonly #other: readonly unknown[]
  #left: number[]
  #right: number[]

  constructor(owner: readonly unknown[], other: readonly unknown[]) {
    this.#owner = owner
    this.#other = other
    this.#left = [...owner.keys()]
    this.#right = [...other.keys()]
  }

  byText(text: (element: unknown) => string): void {
    const places = new Map<string, number[]>()
    for (const j of this.#right.toReversed()) {
      const key = text(this.#other[j])
      const list = places.get(key)
      if (list) list.push(j)
      else places.set(key, [j])
    }
    this.#take((i) => places.get(text(this.#owner[i]))?.pop())
  }

  byLikeness(): void {
    if (this.#left.length === 0 || this.#right.length === 0) return
    const few = Math.max(this.#left.length, this.#right.length) <= EACH_WITH_EACH
    const partner = few ? this.#mostSimilar() : this.#namedTheSame()
    this.#take((i) => partner.get(i))
  }

  byOrder(): void {
    const rest = this.#right.toReversed()
    this.#take(() => rest.pop())
  }

  /**
   * By what both have; the more so the fewer others have it too, and the more its place differs from element to
   * element. Noise, which no two share, says nothing.
   */
  #mostSimilar(): Map<number, number> {
    const holders = new Map<string, { readonly at: number[]; readonly place: string }>()
    const distinct = new Map<string, number>()
    for (const j of this.#right) {
      for (const [leaf, place] of leavesOf(this.#other[j])) {
        const holder = holders.get(leaf)
        if (holder) holder.at.push(j)
        else {
          holders.set(leaf, { at: [j], place })
          distinct.set(place, (distinct.get(place) ?? 0) + 1)
        }
      }
    }
    const candidates: { i: number; j: number; score: number }[] = []
    for (const i of this.#left) {
      const scores = new Map<number, number>()
      for (const leaf of leavesOf(this.#owner[i]).keys()) {
        const holder = holders.get(leaf)
        if (!holder) continue
        const weight = distinct.get(holder.place)! / holder.at.length / (SWITCH.test(leaf) ? 4 : 1)
        for (const j of holder.at) scores.set(j, (scores.get(j) ?? 0) + weight)
      }
      for (const [j, score] of scores) candidates.push({ i, j, score })
    }
    // Of equally similar ones the foremost.
    candidates.sort((a, b) => b.score - a.score || a.i - b.i || a.j - b.j)
    const partner = new Map<number, number>()
    const taken = new Set<number>()
    for (const { i, j } of candidates) {
      if (partner.has(i) || taken.has(j)) continue
      partner.set(i, j)
      taken.add(j)
    }
    return partner
  }

  #namedTheSame(): Map<number, number | undefined> {
    const counts = new Map<string, number>()
    for (const name of new Set(this.#left.slice(0, EACH_WITH_EACH).flatMap(this.#keys))) {
      const there = this.#named(this.#right, this.#other, name)
      let count = 0
      for (const value of this.#named(this.#left, this.#owner, name).keys()) {
        if (there.has(value)) count++
      }
      counts.set(name, count)
    }
    const most = Math.max(0, ...counts.values())
    const [name = ''] =
      [...counts].find(([one, count]) => NAMES_IT.test(one) && count * 2 >= most) ??
      [...counts].find(([, count]) => count === most) ??
      []
    const there = this.#named(this.#right, this.#other, name)
    const here = this.#named(this.#left, this.#owner, name)
    return new Map([...here].map(([value, i]) => [i, there.get(value)]))
  }

  readonly #keys = (i: number) => {
    const element = this.#owner[i]
    return isObject(element) ? Object.keys(element) : []
  }

  /** Where a field has a value that it has nowhere else in the array. */
  #named(at: readonly number[], of: readonly unknown[], name: string): Map<unknown, number> {
    const places = new Map<unknown, number>()
    const twice = new Set<unknown>()
    for (const i of at) {
      const element = of[i]
      const value = isObject(element) ? element[name] : undefined
      if (typeof value !== 'string' && typeof value !== 'number') continue
      if (places.has(value)) twice.add(value)
      else places.set(value, i)
    }
    for (const value of twice) places.delete(value)
    return places
  }

  #take(partnerOf: (i: number) => number | undefined): void {
    const taken = new Set<number>()
    this.#left = this.#left.filter((i) => {
      const j = partnerOf(i)
      if (j === undefined) return true
      this.pairs.push([i, j])
      taken.add(j)
      return false
    })
    this.#right = this.#right.filter((j) => !taken.has(j))
  }
}

/** Every value below one with the place where it stands, whatever the order of arrays. */
function leavesOf(value: unknown): Map<string, string> {
  const leaves = new Map<string, string>()
  const visit = (at: unknown, place: string, depth: number) => {
    if (typeof at !== 'object' || at === null || depth > DEPTH) {
      leaves.set(`${place}=${JSON.stringify(at)}`, place)
    } else if (Array.isArray(at)) for (const element of at) visit(element, `${place}[]`, depth + 1)
    else for (const [name, field] of Object.entries(at)) visit(field, `${place}.${name}`, depth + 1)
  }
  visit(value, '', 0)
  return leaves
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
