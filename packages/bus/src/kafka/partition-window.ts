/** Kafka keeps at most 4,096 bytes beside a committed offset (offset.metadata.max.bytes). */
const MAX_METADATA = 4_000

/**
 * What a member knows of one partition: which offsets it holds, and which it has done although one
 * before them is not. Kafka keeps one offset for a group; the offsets done ahead of it are kept in the
 * text beside it, so that the next owner does not deliver them again. (The idea is that of Confluent's
 * Parallel Consumer.)
 */
export class PartitionWindow {
  /** In the order they came, so the first is the lowest. */
  readonly #pending = new Set<number>()
  readonly #ahead: Set<number>
  #next: number

  constructor(start: Position) {
    this.#next = start.offset
    this.#ahead = start.ahead
  }

  /** How many offsets are held and not done. */
  get pending(): number {
    return this.#pending.size
  }

  /** The offset after the last one seen. */
  get next(): number {
    return this.#next
  }

  /** From the offset that a crash would go back to, to the last one seen. */
  get span(): number {
    return this.#next - this.#lowest()
  }

  /** Whether an offset is new here: neither seen before nor done by an earlier owner. */
  isNew(offset: number): boolean {
    return offset >= this.#next && !this.#ahead.has(offset)
  }

  hold(offset: number): void {
    this.#pending.add(offset)
    this.seen(offset)
  }

  /** Moves on past an offset, whatever it was. */
  seen(offset: number): void {
    this.#next = Math.max(this.#next, offset + 1)
  }

  done(offset: number): void {
    if (this.#pending.delete(offset)) this.#ahead.add(offset)
  }

  position(): Position {
    const offset = this.#lowest()
    for (const done of this.#ahead) if (done < offset) this.#ahead.delete(done)
    return { offset, ahead: new Set(this.#ahead) }
  }

  #lowest(): number {
    const first = this.#pending.values().next()
    return first.done ? this.#next : first.value
  }
}

export interface Position {
  /** Everything before it is done. */
  readonly offset: number
  /** Done offsets after it. */
  readonly ahead: Set<number>
}

/** `4;0-3,7`: the topic had 4 partitions; done are offset, offset + 1 … + 3 and + 7. */
export function toMetadata({ offset, ahead }: Position, partitions: number): string {
  let text = `${partitions};`
  for (const [from, to] of runs([...ahead].sort((a, b) => a - b))) {
    const run = from === to ? `${from - offset},` : `${from - offset}-${to - offset},`
    // What no longer fits is delivered again after a change of owner.
    if (text.length + run.length > MAX_METADATA) break
    text += run
  }
  return text
}

/** Text that is not ours counts as none. */
export function fromMetadata(offset: number, text: string): Position & { partitions: number } {
  const [, partitions, list] = /^(\d+);([\d,-]*)$/.exec(text) ?? []
  const ahead = new Set<number>()
  for (const run of list?.split(',') ?? []) {
    if (run === '') continue
    const [from, to] = run.split('-').map(Number) as [number, number | undefined]
    for (let i = from; i <= (to ?? from); i++) ahead.add(offset + i)
  }
  return { offset, ahead, partitions: Number(partitions ?? 0) }
}

function* runs(sorted: readonly number[]): Generator<[from: number, to: number]> {
  for (let i = 0; i < sorted.length; i++) {
    const from = sorted[i]!
    while (sorted[i + 1] === sorted[i]! + 1) i++
    yield [from, sorted[i]!]
  }
}
