import type { Entries, Entry, IdSystem, Line, Problem, Skipped } from './entry.ts'
import { PartListRefused } from './refusal.ts'

/** Lines of the same thing in the same colour, added up. */
export interface Lot extends Omit<Line, 'kind'> {}

export interface Totals {
  /** Lines that were read. */
  readonly lines: number
  readonly lots: number
  readonly pieces: number
  /** Of the pieces, those that are spare. */
  readonly spares: number
  readonly problems: number
  /** Lines that count for nothing, by reason. */
  readonly skipped: Readonly<Partial<Record<Skipped['reason'], number>>>
  /** What the file itself says it has; `agrees` when that is what was read. */
  readonly checksum: { readonly pieces: number; readonly agrees: boolean } | null
}

export interface CollectLimits {
  /** More distinct lots than this are refused; 50,000 when left out. */
  readonly lots?: number
  /** So many problems are kept with their line; the others are counted. 1,000 when left out. */
  readonly problems?: number
}

interface Counted extends Lot {
  quantity: number
}

/** Adds the entries of a file up, and holds one lot for each distinct thing. */
export class Lots {
  readonly #limits: Required<CollectLimits>
  readonly #lots = new Map<string, Counted>()
  readonly #skipped: Partial<Record<Skipped['reason'], number>> = {}
  readonly problems: Problem[] = []
  #lines = 0
  #pieces = 0
  #spares = 0
  #problems = 0
  #stated: number | null = null

  constructor({ lots = 50_000, problems = 1_000 }: CollectLimits = {}) {
    this.#limits = { lots, problems }
  }

  /** @throws PartListRefused TOO_MANY_LOTS */
  add(entry: Entry): void {
    if (entry.kind === 'line') this.#count(entry)
    else if (entry.kind === 'checksum') this.#stated = entry.pieces
    else if (entry.kind === 'skipped') {
      this.#skipped[entry.reason] = (this.#skipped[entry.reason] ?? 0) + 1
    } else if (++this.#problems <= this.#limits.problems) this.problems.push(entry)
  }

  get totals(): Totals {
    const stated = this.#stated
    return {
      lines: this.#lines,
      lots: this.#lots.size,
      pieces: this.#pieces,
      spares: this.#spares,
      problems: this.#problems,
      skipped: { ...this.#skipped },
      checksum: stated === null ? null : { pieces: stated, agrees: stated === this.#pieces },
    }
  }

  /** In the order of their first lines. */
  lots(): Iterable<Lot> {
    return this.#lots.values()
  }

  #count(given: Line): void {
    const { quantity, spare } = given
    this.#lines++
    this.#pieces += quantity
    if (spare) this.#spares += quantity
    const key = keyOf(given)
    const known = this.#lots.get(key)
    if (known) known.quantity += quantity
    else if (this.#lots.size >= this.#limits.lots) {
      const reason = `The list has more than ${this.#limits.lots} different lots`
      throw new PartListRefused('TOO_MANY_LOTS', reason, given.line)
    } else {
      const { line, type, element, colour } = given
      this.#lots.set(own(key), {
        line,
        type,
        ids: ownIds(given.ids),
        element: own(element),
        colour: colour?.system === 'name' ? { ...colour, name: own(colour.name) } : colour,
        quantity,
        spare,
        name: own(given.name),
        remarks: own(given.remarks),
      })
    }
  }
}

/** Texts of a file have no zero bytes: parts of the key cannot run into each other. */
function keyOf({ type, ids, element, colour, spare, name }: Lot): string {
  const { rebrickable = '', bricklink = '', ldraw = '' } = ids
  const id = `${rebrickable}\0${bricklink}\0${ldraw}\0${element ?? ''}`
  const hue = colour && (colour.system === 'name' ? colour.name : `${colour.system}\0${colour.id}`)
  // Custom items have nothing but their name.
  return `${type}\0${spare}\0${id}\0${hue}\0${id === '\0\0\0' ? name : ''}`
}

/**
 * The same text by itself: one that was cut out of a piece of the file is a view of it, and would hold all of the piece
 * as long as its lot is there.
 */
function own<T extends string | null>(text: T): T {
  // V8 makes no views of fewer characters.
  return text === null || text.length < 13 ? text : (Buffer.from(text).toString() as T)
}

function ownIds(ids: Lot['ids']): Lot['ids'] {
  const owned: Partial<Record<IdSystem, string>> = {}
  for (const system of Object.keys(ids) as IdSystem[]) owned[system] = own(ids[system]!)
  return owned
}

/** Reads all entries. @throws PartListRefused */
export async function collectLots(entries: Entries, limits?: CollectLimits): Promise<Lots> {
  const lots = new Lots(limits)
  for await (const some of entries) for (const entry of some) lots.add(entry)
  return lots
}
