import type { Drop, KeptAnswer } from './answer-cache.ts'

/** What an entry takes beside its body and headers: keys, maps, objects; bytes. */
const ENTRY_BYTES = 1_000

/** A place for an answer; without one it is claimed by a request that is on its way. */
export interface Entry {
  readonly key: string
  readonly user: string
  readonly rows: string
  readonly extraction: string
  bytes: number
  answer: KeptAnswer | null
}

export interface ShelfBounds {
  readonly bytes: number
  readonly answers: number
  readonly answersOfUser: number
}

/** Entries within bounds, found by key, by user and by the rows they are about. What was not asked for longest goes first. */
export class Shelf {
  readonly #bounds: ShelfBounds
  readonly #entries = new Map<string, Entry>()
  readonly #byUser = new Map<string, Set<Entry>>()
  readonly #byRows = new Map<string, Set<Entry>>()
  readonly dropped: Record<Drop, number> = { write: 0, table: 0, room: 0, age: 0 }
  bytes = 0

  constructor(bounds: ShelfBounds) {
    this.#bounds = bounds
  }

  /** Those that are claimed are counted too: each may become an answer. */
  get answers(): number {
    return this.#entries.size
  }

  get(key: string): Entry | null {
    const entry = this.#entries.get(key)
    if (!entry) return null
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  has(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry
  }

  claim(key: string, user: string, rows: string, extraction: string): Entry {
    const entry: Entry = { key, user, rows, extraction, bytes: ENTRY_BYTES, answer: null }
    this.#entries.set(key, entry)
    this.bytes += entry.bytes
    addTo(this.#byUser, user, entry)
    addTo(this.#byRows, rows, entry)
    const own = this.#byUser.get(user)!
    // His own oldest, not another's: nobody pushes others out by asking for much.
    if (own.size > this.#bounds.answersOfUser) this.drop(own.values().next().value!, 'room')
    this.#makeRoom()
    return entry
  }

  /** More of its answer has come. */
  grow(entry: Entry, bytes: number): void {
    entry.bytes += bytes
    this.bytes += bytes
    this.#makeRoom()
  }

  keep(entry: Entry, answer: KeptAnswer): void {
    entry.answer = answer
    this.grow(entry, 2 * answer.headers.reduce((sum, { length }) => sum + length, 0))
  }

  /** Nothing is kept by this claim, unless something is already. */
  giveUp(entry: Entry): void {
    if (!entry.answer && this.has(entry)) this.#remove(entry)
  }

  drop(entry: Entry, why: Drop): void {
    this.#remove(entry)
    if (entry.answer) this.dropped[why]++
  }

  dropUser(user: string): void {
    for (const entry of this.#byUser.get(user) ?? []) this.drop(entry, 'write')
  }

  dropRows(rows: string): void {
    for (const entry of this.#byRows.get(rows) ?? []) this.drop(entry, 'write')
  }

  dropExtraction(extraction: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.extraction === extraction) this.drop(entry, 'table')
    }
  }

  dropAll(): void {
    for (const entry of this.#entries.values()) this.drop(entry, 'table')
  }

  #makeRoom(): void {
    const { bytes, answers } = this.#bounds
    for (const entry of this.#entries.values()) {
      if (this.bytes <= bytes && this.#entries.size <= answers) return
      this.drop(entry, 'room')
    }
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    this.bytes -= entry.bytes
    takeFrom(this.#byUser, entry.user, entry)
    takeFrom(this.#byRows, entry.rows, entry)
  }
}

function addTo(sets: Map<string, Set<Entry>>, name: string, entry: Entry): void {
  const set = sets.get(name)
  if (set) set.add(entry)
  else sets.set(name, new Set([entry]))
}

function takeFrom(sets: Map<string, Set<Entry>>, name: string, entry: Entry): void {
  const set = sets.get(name)
  set?.delete(entry)
  if (set?.size === 0) sets.delete(name)
}
