import type { RequestHead } from '../request-head.ts'
import type { ResponseHead } from '../response-head.ts'

/** No answer is kept longer, whatever it says, s. */
const LONGEST_S = 86_400

/** What a request asks of a cache: any answer, one that is made now, or none of its business. */
export type Wish = 'kept' | 'new' | 'none'

/** RFC 9111, 5.2.1. Parts of answers, and answers to "has it changed?", are between the two sides alone. */
export function wishOf({ forward, bodyLength, upgrade }: RequestHead): Wish {
  if (bodyLength !== 0 || upgrade !== undefined) return 'none'
  let wish: Wish = 'kept'
  for (let i = 0; i < forward.length; i += 2) {
    const name = forward[i]!.toLowerCase()
    if (name === 'range' || name.startsWith('if-')) return 'none'
    if (name === 'pragma' && /no-cache/i.test(forward[i + 1]!)) wish = 'new'
    if (name !== 'cache-control') continue
    const asked = directives([forward[i + 1]!])
    if (asked.has('no-store')) return 'none'
    // Any bound on the age: what is kept may be too old, what is made now never is.
    if (asked.has('no-cache') || asked.has('max-age') || asked.has('min-fresh')) wish = 'new'
  }
  return wish
}

export interface Freshness {
  /** From when it was asked for, ms: how old it was then, and how old it may become. */
  readonly ageMs: number
  readonly lifeMs: number
}

/**
 * How long an answer may be given again to the one who asked for it; null for not at all. The rules are those of a private cache
 * (RFC 9111, 3), which it is for each user: `private` may be kept, `public` says nothing more.
 *
 * @param seconds for answers that do not say.
 */
export function freshnessOf(
  status: number,
  { headers, contentType, contentLength, chunked }: ResponseHead,
  seconds: number | undefined,
): Freshness | null {
  // An answer whose end is that of its connection may have been cut off.
  if (status !== 200 || contentType === 'text/event-stream') return null
  if (contentLength === -1 && !chunked) return null
  const fields = new Map<string, string[]>()
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    fields.set(name, [...(fields.get(name) ?? []), headers[i + 1]!])
  }
  // It sets something at this client, now: said again later, it would undo what came between.
  if (fields.has('set-cookie')) return null
  if (fields.get('vary')?.some((value) => value.includes('*'))) return null
  const said = directives(fields.get('cache-control') ?? [])
  if (said.has('no-store') || said.has('no-cache')) return null
  const lifeS = lifeOf(said, fields) ?? seconds ?? 0
  const ageS = Math.max(0, ...(fields.get('age') ?? []).map(wholeSeconds))
  if (!(lifeS > ageS)) return null
  return { ageMs: ageS * 1000, lifeMs: Math.min(lifeS, LONGEST_S) * 1000 }
}

/** Names of other request fields that an answer depends on, in lower case. */
export function varyOf(headers: readonly string[]): string[] {
  const names: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== 'vary') continue
    names.push(...headers[i + 1]!.split(',').map((name) => name.trim().toLowerCase()))
  }
  return names.filter((name) => name !== '')
}

/** Seconds; null where it says nothing. Of several words the shortest counts; one that cannot be read is 0. */
function lifeOf(
  said: ReadonlyMap<string, readonly string[]>,
  fields: ReadonlyMap<string, readonly string[]>,
): number | null {
  const ages = [...(said.get('max-age') ?? []), ...(said.get('s-maxage') ?? [])]
  if (ages.length > 0) return Math.min(...ages.map((age) => orZero(wholeSeconds(age))))
  const ends = fields.get('expires')
  if (!ends) return null
  const dates = fields.get('date')
  const sent = dates ? Date.parse(dates[0]!) : Date.now()
  return orZero((Math.min(...ends.map((end) => Date.parse(end))) - sent) / 1000)
}

function wholeSeconds(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}

/** Directives by name in lower case; of one that is given twice both values. */
function directives(values: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [, name, value = ''] of values.join(',').matchAll(DIRECTIVE)) {
    const key = name!.toLowerCase()
    found.set(key, [...(found.get(key) ?? []), value.replace(/^"(.*)"$/, '$1')])
  }
  return found
}

const DIRECTIVE = /([^\s,="]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/g
