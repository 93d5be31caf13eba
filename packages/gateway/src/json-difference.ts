import { align } from './json-alignment.ts'

/** One place where two answers differ. */
export interface Difference {
  /**
   * A JSON path with `[*]` for any index, `.length` and `.order` of arrays, `status`, `header:NAME`, or `body`
   * for what is not JSON.
   */
  readonly path: string
  /** Not only in its value: it is of another type, or missing. */
  readonly kind: boolean
  readonly owner: string
  readonly other: string
}

/** An answer, decoded, as far as it is compared. */
export interface ComparedAnswer {
  readonly status: number
  /** In lower case, without parameters. */
  readonly contentType: string
  readonly body: Buffer
}

/** Whether a difference at a place does not count. */
export type Excuse = (path: string, kind: boolean) => boolean

/** Different places told of one comparison; more would be one cause told many times. */
const PLACES = 1_000
/** Deeper than this, values are compared as text, so that a hostile answer cannot exhaust the stack. */
const DEPTH = 200
/** Deeper than this, elements of arrays are compared as they come: each level costs a look at all below. */
const ALIGNED_DEPTH = 20
const EXAMPLE = 200

/** Where two answers differ, each place once. */
export function differences(
  owner: ComparedAnswer,
  other: ComparedAnswer,
  excuse: Excuse = () => false,
): Difference[] {
  const found = new Found(excuse)
  if (owner.status !== other.status) found.note('status', owner.status, other.status)
  else if (owner.contentType !== other.contentType) {
    found.note('header:content-type', owner.contentType, other.contentType)
  } else if (!owner.body.equals(other.body)) found.compareBodies(owner, other)
  return [...found.places.values()]
}

/** Whether a place is one of `patterns`, or below one. */
export function isBelow(path: string, patterns: Iterable<string>): boolean {
  for (const pattern of patterns) {
    if (!path.startsWith(pattern)) continue
    const next = path[pattern.length]
    if (next === undefined || next === '.' || next === '[') return true
  }
  return false
}

class Found {
  readonly places = new Map<string, Difference>()
  readonly #excuse: Excuse

  constructor(excuse: Excuse) {
    this.#excuse = excuse
  }

  compareBodies(owner: ComparedAnswer, other: ComparedAnswer): void {
    let values: unknown[]
    try {
      if (!/[/+]json$/.test(owner.contentType)) throw new Error('not JSON')
      values = [owner, other].map(({ body }) => JSON.parse(body.toString('utf8')) as unknown)
    } catch {
      // Bytes are all there is to compare.
      this.note('body', owner.body.toString('latin1'), other.body.toString('latin1'))
      return
    }
    this.#compare(values[0], values[1], '$', 0)
  }

  note(path: string, owner: unknown, other: unknown): void {
    const kind = kindOf(owner) !== kindOf(other)
    const known = this.places.get(path)
    if (known && (known.kind || !kind)) return
    if (this.places.size >= PLACES || this.#excuse(path, kind)) return
    this.places.set(path, { path, kind, owner: example(owner), other: example(other) })
  }

  #compare(owner: unknown, other: unknown, path: string, depth: number): void {
    if (owner === other) return
    if (Array.isArray(owner) && Array.isArray(other) && depth <= DEPTH) {
      this.#compareArrays(owner, other, path, depth)
    } else if (isObject(owner) && isObject(other) && depth <= DEPTH) {
      for (const key of keysOf(owner, other)) {
        this.#compare(owner[key], other[key], below(path, key), depth + 1)
      }
    } else if (depth <= DEPTH || JSON.stringify(owner) !== JSON.stringify(other)) {
      this.note(path, owner, other)
    }
  }

  #compareArrays(owner: unknown[], other: unknown[], path: string, depth: number): void {
    if (owner.length !== other.length) this.note(`${path}.length`, owner.length, other.length)
    const at = `${path}[*]`
    const asTheyCome =
      depth > ALIGNED_DEPTH ||
      (owner.length === other.length &&
        owner.every((element, i) => this.#alike(element, other[i], at, depth + 1)))
    if (asTheyCome) {
      for (let i = 0; i < Math.min(owner.length, other.length); i++) {
        this.#compare(owner[i], other[i], at, depth + 1)
      }
      return
    }
    const { pairs, misplaced } = align(owner, other, (value) => this.#text(value, at, depth + 1))
    if (misplaced) this.note(`${path}.order`, `${misplaced[0]}`, `${misplaced[1]}`)
    for (const [i, j] of pairs) this.#compare(owner[i], other[j], at, depth + 1)
  }

  /** Whether there is nothing between two values that would be noted, arrays taken as they come. */
  #alike(owner: unknown, other: unknown, path: string, depth: number): boolean {
    if (owner === other) return true
    if (depth > DEPTH) return JSON.stringify(owner) === JSON.stringify(other)
    if (Array.isArray(owner) && Array.isArray(other)) {
      if (owner.length !== other.length && !this.#excuse(`${path}.length`, false)) return false
      const at = `${path}[*]`
      return owner.every(
        (element, i) => i >= other.length || this.#alike(element, other[i], at, depth + 1),
      )
    }
    if (isObject(owner) && isObject(other)) {
      return keysOf(owner, other).every((key) =>
        this.#alike(owner[key], other[key], below(path, key), depth + 1),
      )
    }
    return this.#excuse(path, kindOf(owner) !== kindOf(other))
  }

  /** The same for like values: fields and elements sorted, and nothing of what is excused but its kind. */
  #text(value: unknown, path: string, depth: number): string {
    if (depth > DEPTH) return JSON.stringify(value) ?? ''
    if (Array.isArray(value)) {
      const texts = value.map((element) => this.#text(element, `${path}[*]`, depth + 1))
      return `[${texts.sort().join(',')}]`
    }
    if (isObject(value)) {
      const names = Object.keys(value).sort()
      const fields = names.map((name) => {
        return `${JSON.stringify(name)}:${this.#text(value[name], below(path, name), depth + 1)}`
      })
      return `{${fields.join(',')}}`
    }
    return this.#excuse(path, false) ? kindOf(value) : JSON.stringify(value)
  }
}

function keysOf(owner: object, other: object): string[] {
  const keys = Object.keys(owner)
  for (const key of Object.keys(other)) if (!Object.hasOwn(owner, key)) keys.push(key)
  return keys
}

function below(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function example(value: unknown): string {
  return (value === undefined ? '(missing)' : JSON.stringify(value)).slice(0, EXAMPLE)
}
