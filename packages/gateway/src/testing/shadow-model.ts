import type { ComparedAnswer, Difference } from '../json-difference.ts'
import type { Verdict } from '../shadow-comparison.ts'

/**
 * A route whose answers are made up, to measure the comparison by: some fields are noise, arrays may come in
 * any order, rows change, the other side lags, and one field of it is wrong in a share of the answers.
 */
export interface ModelRouteOptions {
  readonly seed: number
  /** Share of the answers whose field is wrong. */
  readonly wrong: number
}

/** Numbers from 0 to 1 (mulberry32). */
type Random = () => number

function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What a value looks like; the first four stay as they are, the others differ from answer to answer. */
type Leaf = 'text' | 'number' | 'flag' | 'maybe' | 'uuid' | 'ms' | 'second' | 'count' | 'coin'
type Shape =
  | { readonly is: 'leaf'; readonly leaf: Leaf }
  | { readonly is: 'object'; readonly fields: readonly (readonly [string, Shape])[] }
  | { readonly is: 'array'; readonly of: Shape; readonly most: number; readonly anyOrder: boolean }

const TRUE: readonly Leaf[] = ['text', 'number', 'flag', 'maybe']
const NOISE: readonly Leaf[] = ['uuid', 'ms', 'second', 'count', 'coin']
const NAMES = ['id', 'name', 'price', 'count', 'state', 'note', 'owner', 'kind', 'at', 'tag', 'set']
const WRONGS = ['other', 'null', 'missing', 'type'] as const

/** Lag of the other side, ms at most; a fifth of it is waited for before the first repetition. */
const LAG_MS = 500
const AGAIN_MS = [100, 400, 1500]

interface Place {
  readonly path: string
  readonly leaf: Leaf
}

interface Row {
  readonly seed: number
  readonly version: number
}

/** Counted over some requests to model routes. */
export class Score {
  compared = 0
  unsteady = 0
  wrong = 0
  told = 0
  falseAlarms = 0
  /** Told places that are not where the fault is. */
  readonly places = new Map<string, number>()

  get recall(): number {
    return this.told / this.wrong
  }

  /** Of the answers that were right. */
  get falseAlarmShare(): number {
    return this.falseAlarms / (this.compared - this.wrong)
  }
}

/** How a comparison goes, as `Comparison` does it. */
export interface Judge {
  first(owner: ComparedAnswer, other: ComparedAnswer): Verdict
  again(before: ComparedAnswer, other: ComparedAnswer, owner: ComparedAnswer): Verdict
}

export class ModelRoute {
  readonly #random: Random
  readonly #shape: Shape
  readonly #options: ModelRouteOptions
  readonly #fault: Place
  readonly #how: (typeof WRONGS)[number]
  #now = 1_700_000_000_000
  #count = 0

  constructor(options: ModelRouteOptions) {
    this.#options = options
    this.#random = seeded(options.seed)
    let places: Place[] = []
    let shape: Shape
    do {
      shape = this.#object(0)
      places = placesOf(shape, '$').filter(({ leaf }) => TRUE.includes(leaf))
    } while (places.length === 0)
    this.#shape = shape
    this.#fault = this.#pick(places)
    this.#how = this.#pick(WRONGS)
  }

  get fault(): string {
    return this.#fault.path
  }

  /** Sends a request through a comparison and counts what came of it. */
  request(judge: Judge, score: Score): void {
    const before: Row = { seed: Math.floor(this.#random() * 2 ** 31), version: 0 }
    const isWrong = this.#random() < this.#options.wrong && this.#shows(before)
    const lagsUntil = this.#random() < 0.03 ? this.#now + this.#random() * LAG_MS : 0
    const changesAt = this.#random() < 0.01 ? this.#now + this.#random() * 2_000 : Infinity
    const row = () => ({
      ...before,
      version: (lagsUntil ? 1 : 0) + (this.#now >= changesAt ? 1 : 0),
    })
    const owner = () => this.#answer(row(), false)
    const other = () => this.#answer(this.#now < lagsUntil ? before : row(), isWrong)
    let verdict = judge.first(owner(), other())
    for (let i = 0; verdict === 'again'; i++) {
      this.#now += AGAIN_MS[Math.min(i, AGAIN_MS.length - 1)]!
      verdict = judge.again(owner(), other(), owner())
    }
    if (isWrong) score.wrong++
    if (typeof verdict === 'string') score.unsteady++
    else this.#judge(verdict, isWrong, score)
    score.compared++
    this.#now += this.#random() * 50
  }

  #judge(found: readonly Difference[], isWrong: boolean, score: Score): void {
    const right = found.filter(({ path }) => path === this.fault)
    if (isWrong && right.length > 0) score.told++
    if (found.length > right.length || (!isWrong && found.length > 0)) {
      if (!isWrong) score.falseAlarms++
      for (const { path } of found) score.places.set(path, (score.places.get(path) ?? 0) + 1)
    }
  }

  /** Whether the answer has the place at all: arrays may be empty. */
  #shows(row: Row): boolean {
    const [right, wrong] = [false, true].map((isWrong) => this.#value(row, isWrong))
    return right !== wrong
  }

  /** The answer without what is noise, as text. */
  #value(row: Row, isWrong: boolean): string {
    return JSON.stringify(this.#render(this.#shape, row, '$', row.seed, isWrong, null))
  }

  #answer(row: Row, isWrong: boolean): ComparedAnswer {
    this.#now += 1 + this.#random() * 5
    const value = this.#render(this.#shape, row, '$', row.seed, isWrong, this.#random)
    return {
      status: 200,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(value)),
    }
  }

  #render(
    shape: Shape,
    row: Row,
    path: string,
    seed: number,
    wrong: boolean,
    noise: Random | null,
  ): unknown {
    if (shape.is === 'leaf') {
      if (NOISE.includes(shape.leaf)) return noise && this.#noise(shape.leaf, noise)
      const value = steady(shape.leaf, seeded(seed ^ hash(path)), row.version)
      return wrong && path === this.fault ? this.#spoilt(value) : value
    }
    if (shape.is === 'object') {
      const object: Record<string, unknown> = {}
      for (const [name, field] of shape.fields) {
        const value = this.#render(field, row, `${path}.${name}`, seed, wrong, noise)
        if (value !== undefined) object[name] = value
      }
      return object
    }
    const random = seeded(seed ^ hash(`${path}[]`))
    const length = Math.floor(random() * (shape.most + 1))
    const spoilt = Math.floor(random() * length)
    const items = Array.from({ length }, (_, i) =>
      this.#render(
        shape.of,
        i === 0 ? row : { ...row, version: 0 },
        `${path}[*]`,
        Math.floor(random() * 2 ** 31),
        wrong && i === spoilt,
        noise,
      ),
    )
    return noise && shape.anyOrder ? shuffled(items, noise) : items
  }

  #noise(leaf: Leaf, random: Random): unknown {
    switch (leaf) {
      case 'uuid':
        return `${Math.floor(random() * 2 ** 48).toString(16)}`
      case 'ms':
        return Math.floor(this.#now)
      case 'second':
        return new Date(Math.floor(this.#now / 1000) * 1000).toISOString()
      case 'count':
        return this.#count++
      default:
        return random() < 0.5
    }
  }

  #spoilt(value: unknown): unknown {
    if (this.#how === 'missing') return undefined
    if (this.#how === 'null' && value !== null) return null
    if (this.#how === 'type' && value !== null) return { value }
    if (typeof value === 'number') return value + 7_000
    if (typeof value === 'boolean') return !value
    return `${value} `
  }

  #object(depth: number): Shape {
    const names = shuffled([...NAMES], this.#random).slice(0, 2 + Math.floor(this.#random() * 4))
    return { is: 'object', fields: names.map((name) => [name, this.#field(depth + 1)] as const) }
  }

  #field(depth: number): Shape {
    const of = depth < 4 ? this.#random() : 1
    if (of < 0.12) return this.#object(depth)
    if (of < 0.32) {
      const anyOrder = this.#random() < 0.5
      return {
        is: 'array',
        of: this.#random() < 0.7 ? this.#object(depth) : { is: 'leaf', leaf: this.#pick(TRUE) },
        most: 1 + Math.floor(this.#random() * 12),
        anyOrder,
      }
    }
    const noisy = this.#random() < 0.25
    return { is: 'leaf', leaf: this.#pick(noisy ? NOISE : TRUE) }
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!
  }
}

function steady(leaf: Leaf, random: Random, version: number): unknown {
  const number = Math.floor(random() * 1_000)
  if (leaf === 'number') return number + version
  if (leaf === 'flag') return (number + version) % 2 === 0
  if (leaf === 'maybe' && number < 300) return version === 0 ? null : `${version}`
  return `text ${number} ${version}`
}

function placesOf(shape: Shape, path: string): Place[] {
  if (shape.is === 'leaf') return [{ path, leaf: shape.leaf }]
  if (shape.is === 'array') return placesOf(shape.of, `${path}[*]`)
  return shape.fields.flatMap(([name, field]) => placesOf(field, `${path}.${name}`))
}

function shuffled<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
  return items
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
