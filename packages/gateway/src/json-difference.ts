/** One place where two answers differ. */
export interface Difference {
  /** A JSON path with `[*]` for any index, `status`, `header:NAME`, or `body` for what is not JSON. */
  readonly path: string
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

/** Different places told of one comparison; more would be one cause told many times. */
const PLACES = 50
/** Deeper than this, values are compared as text, so that a hostile answer cannot exhaust the stack. */
const DEPTH = 200
const EXAMPLE = 200

/** Where two answers differ, each place once. */
export function differences(owner: ComparedAnswer, other: ComparedAnswer): Difference[] {
  if (owner.status !== other.status) {
    return [{ path: 'status', owner: `${owner.status}`, other: `${other.status}` }]
  }
  if (owner.contentType !== other.contentType) {
    return [{ path: 'header:content-type', owner: owner.contentType, other: other.contentType }]
  }
  if (owner.body.equals(other.body)) return []
  const found = new Map<string, Difference>()
  if (/[/+]json$/.test(owner.contentType)) {
    try {
      const [a, b] = [owner, other].map(({ body }) => JSON.parse(body.toString('utf8')) as unknown)
      compare(a, b, '$', 0, found)
      return [...found.values()]
    } catch {
      // Not JSON after all: bytes are all there is to compare.
    }
  }
  note('body', owner.body.toString('latin1'), other.body.toString('latin1'), found)
  return [...found.values()]
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

function compare(
  owner: unknown,
  other: unknown,
  path: string,
  depth: number,
  found: Map<string, Difference>,
): void {
  if (owner === other || found.size >= PLACES) return
  if (depth > DEPTH || !isObject(owner) || !isObject(other)) {
    if (JSON.stringify(owner) !== JSON.stringify(other)) note(path, owner, other, found)
    return
  }
  if (Array.isArray(owner) || Array.isArray(other)) {
    if (!Array.isArray(owner) || !Array.isArray(other)) {
      note(path, owner, other, found)
      return
    }
    if (owner.length !== other.length) note(`${path}.length`, owner.length, other.length, found)
    for (let i = 0; i < Math.min(owner.length, other.length); i++) {
      compare(owner[i], other[i], `${path}[*]`, depth + 1, found)
    }
    return
  }
  for (const key of new Set([...Object.keys(owner), ...Object.keys(other)])) {
    const at = /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
    compare(owner[key], other[key], at, depth + 1, found)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function note(path: string, owner: unknown, other: unknown, found: Map<string, Difference>): void {
  if (!found.has(path)) found.set(path, { path, owner: example(owner), other: example(other) })
}

function example(value: unknown): string {
  return (value === undefined ? '(missing)' : JSON.stringify(value)).slice(0, EXAMPLE)
}
