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
  readonly ends: ByMethod<T>
  readonly below: ByMethod<T>
}

/** Patterns of one path, which share no method. */
class ByMethod<T> {
  readonly #patterns: Pattern<T>[] = []
  /** By the methods that they name, and HEAD where they name GET. */
  readonly #named = new Map<string, Pattern<T>>()
  /** The one for every method. */
  #any: Pattern<T> | null = null

  get isEmpty(): boolean {
    return this.#patterns.length === 0
  }

  /** @throws Error when another one matches the same requests. */
  add(pattern: Pattern<T>): void {
    const clash = this.#patterns.find((other) => overlap(other.methods, pattern.methods))
    if (clash) {
      throw new Error(`routes "${clash.path}" and "${pattern.path}" match the same requests`)
    }
    this.#patterns.push(pattern)
    if (pattern.methods.length === 0) this.#any = pattern
    for (const method of pattern.methods) {
      if (!this.#named.has(method)) this.#named.set(method, pattern)
      // HEAD asks for what GET would answer.
      if (method === 'GET' && !this.#named.has('HEAD')) this.#named.set('HEAD', pattern)
    }
  }

  get(method: string): Pattern<T> | null {
    return this.#any ?? this.#named.get(method) ?? null
  }
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
    if (first.literals.size === 0 && !first.param && first.below.isEmpty && first.ends.isEmpty) {
      return null
    }
    const segments = segmentsOf(path)
    const trailing = path.charCodeAt(path.length - 1) === SLASH
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
    ;(below ? at.below : at.ends).add(pattern)
  }
}

const SLASH = 0x2f

/** What stands between a path's slashes; nothing behind one at the end. `split` takes twice the time, for each request. */
function segmentsOf(path: string): string[] {
  const segments: string[] = []
  let from = 1
  for (let i = 1; i < path.length; i++) {
    if (path.charCodeAt(i) !== SLASH) continue
    segments.push(path.slice(from, i))
    from = i + 1
  }
  if (from < path.length) segments.push(path.slice(from))
  return segments
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
  return { literals: new Map(), param: null, ends: new ByMethod(), below: new ByMethod() }
}

function find<T>(
  at: Node<T>,
  segments: readonly string[],
  depth: number,
  method: string,
  trailing: boolean,
): Pattern<T> | null {
  if (depth === segments.length) {
    return at.ends.get(method) ?? (trailing ? at.below.get(method) : null)
  }
  const segment = segments[depth]!
  const { literals } = at
  const literal =
    literals.size === 0 ? null : (literals.get(segment) ?? literals.get(plainSegment(segment)))
  return (
    (literal && find(literal, segments, depth + 1, method, trailing)) ||
    (at.param && find(at.param, segments, depth + 1, method, trailing)) ||
    at.below.get(method)
  )
}

function plainSegment(segment: string): string {
  const end = segment.indexOf(';')
  return (end === -1 ? segment : segment.slice(0, end)).toLowerCase()
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((method) => b.includes(method))
}
