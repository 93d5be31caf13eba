/** One pattern's place in a compiled route table. */
export interface Pattern<T> {
  /** Method names in capitals; empty means any. */
  readonly methods: readonly string[]
  readonly path: string
  readonly value: T
}

/** A pattern that matched, and the path's segments. */
export interface Match<T> {
  readonly value: T
  readonly segments: readonly string[]
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>
  param: Node<T> | null
  readonly ends: Pattern<T>[]
  readonly below: Pattern<T>[]
}

/**
 * Route patterns as a tree of path segments: a literal is tried before `:name`, `:name` before `/*`.
 *
 * Literals match whatever their case and parameters (`;v=1`), and one slash at the end is overlooked. Common
 * frameworks serve `/API/Items/` (Express) and `/api/items;v=1` (Java's) like `/api/items`; a gateway that
 * were stricter would send such requests past a handover to the side that no longer owns the rows.
 */
export class RouteMatcher<T> {
  readonly #root: Node<T> = node()

  /** @throws Error when two patterns would match the same requests. */
  constructor(patterns: Iterable<Pattern<T>>) {
    for (const pattern of patterns) this.#add(pattern)
  }

  /** @param path in canonical form. */
  match(method: string, path: string): Match<T> | null {
    const first = this.#root
    if (first.literals.size === 0 && !first.param && first.below.length === 0) {
      if (first.ends.length === 0) return null
    }
    const segments = path.split('/')
    segments.shift()
    if (segments.length > 0 && segments.at(-1) === '') segments.pop()
    const trailing = path.charCodeAt(path.length - 1) === 0x2f
    const found = find(this.#root, segments, 0, method, trailing)
    return found && { value: found.value, segments }
  }

  #add(pattern: Pattern<T>): void {
    const { segments, below } = parsePattern(pattern.path)
    let at = this.#root
    for (const segment of segments) {
      if (segment.startsWith(':')) {
        at.param ??= node()
        at = at.param
      } else {
        const key = segment.toLowerCase()
        let next = at.literals.get(key)
        if (!next) {
          next = node()
          at.literals.set(key, next)
        }
        at = next
      }
    }
    const list = below ? at.below : at.ends
    const clash = list.find((other) => overlap(other.methods, pattern.methods))
    if (clash) {
      throw new Error(`routes "${clash.path}" and "${pattern.path}" match the same requests`)
    }
    list.push(pattern)
  }
}

/** A pattern's segments, and whether it ends in `/*`. */
export function parsePattern(path: string): { segments: string[]; below: boolean } {
  const below = path.endsWith('/*')
  const segments = (below ? path.slice(0, -2) : path).split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  return { segments, below }
}

/** `path` with the pattern's own literals and without the slash at the end that matching overlooked. */
export function spellAs(pattern: readonly string[], segments: readonly string[]): string {
  let path = ''
  for (let i = 0; i < segments.length; i++) {
    const own = pattern[i]
    path += `/${own === undefined || own.startsWith(':') ? segments[i]! : own}`
  }
  return path || '/'
}

function node<T>(): Node<T> {
  return { literals: new Map(), param: null, ends: [], below: [] }
}

function find<T>(
  at: Node<T>,
  segments: readonly string[],
  depth: number,
  method: string,
  trailing: boolean,
): Pattern<T> | null {
  if (depth === segments.length) {
    return pick(at.ends, method) ?? (trailing ? pick(at.below, method) : null)
  }
  const segment = segments[depth]!
  const literal = at.literals.get(segment) ?? at.literals.get(plainSegment(segment))
  return (
    (literal && find(literal, segments, depth + 1, method, trailing)) ||
    (at.param && find(at.param, segments, depth + 1, method, trailing)) ||
    pick(at.below, method)
  )
}

function plainSegment(segment: string): string {
  const end = segment.indexOf(';')
  return (end === -1 ? segment : segment.slice(0, end)).toLowerCase()
}

function pick<T>(patterns: readonly Pattern<T>[], method: string): Pattern<T> | null {
  for (const pattern of patterns) {
    if (pattern.methods.length === 0 || pattern.methods.includes(method)) return pattern
    // HEAD asks for what GET would answer.
    if (method === 'HEAD' && pattern.methods.includes('GET')) return pattern
  }
  return null
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((method) => b.includes(method))
}
