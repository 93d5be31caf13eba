import type { Case, Expected, Verdict } from './case.ts'
import { type Header, valuesOf } from './message.ts'
import type { Observed } from './run.ts'
import type { SeenRequest } from './upstream.ts'

/**
 * Whether what was observed is what the case expects.
 *
 * @param own for our gateway only the first verdict counts, with its statuses; of others, that they are
 *   as safe: any of the verdicts, with any status of a refusal.
 * @returns null, or what is wrong.
 */
export function judge(one: Case, observed: Observed, own: boolean): string | null {
  const common = whatNeverMayBe(observed)
  if (common) return common
  const problems = [one.expect, ...(own ? [] : (one.also ?? []))].map((verdict) =>
    against(verdict, observed, one, own),
  )
  return problems.includes(null) ? null : problems[0]!
}

function whatNeverMayBe(observed: Observed): string | null {
  const { malformed, answers, hangs, fence } = observed
  if (malformed.length > 0) return `an upstream got ${malformed[0]}`
  if (hangs) return hangs
  if (typeof answers === 'string') return `the client got ${answers}`
  if (fence !== 'GET /fence') return `the next client got "${fence}" for GET /fence`
  return null
}

function against(verdict: Verdict, seen: Observed, one: Case, own: boolean): string | null {
  const { requests, after } = withoutAfter(seen)
  const answers = (seen.answers as Exclude<Observed['answers'], string>).slice()
  if (after && answers.at(-1)?.body !== 'GET /after') {
    return 'the request after it was forwarded and its answer did not come back'
  }
  const followed = seen.followed && answers.length > (one.answers ?? 1)
  if (followed) answers.pop()
  if (answers.length > (one.answers ?? 1)) return `${answers.length} answers`
  const status = answers[0]?.status ?? 0
  const hidden = requests.some(({ target }) => target.endsWith('/hidden'))
  switch (verdict.is) {
    case 'refused': {
      if (requests.length + seen.cutOff.length > 0) {
        return `an upstream got ${requests.map(line).join(', ') || seen.cutOff.join(', ')}`
      }
      if (!own && (status === 0 || status >= 400)) return null
      return verdict.statuses.includes(status) ? null : `answered ${status}`
    }
    case 'cut off':
      if (requests.length > 0) return `an upstream got ${requests.map(line).join(', ')}, whole`
      return status === 0 || status >= 400 ? null : `answered ${status}`
    case 'forwarded':
      if (seen.cutOff.length > 0) return `cut off: ${seen.cutOff.join(', ')}`
      return differences(verdict.requests, requests)
    case 'answer cut off':
      if (hidden) return 'what was hidden reached an upstream'
      return answers[0]?.cut || status === 0 || status >= 500 ? null : `answered ${status}, whole`
    case 'answered': {
      if (hidden) return 'what was hidden reached an upstream'
      if (answers[0]?.cut) return 'the answer was cut off'
      if (status !== verdict.status && (own || verdict.status < 400 || status < 400)) {
        return `answered ${status}`
      }
      if (verdict.body !== undefined && answers[0]!.body !== verdict.body) {
        return `the answer's body is ${JSON.stringify(answers[0]!.body.slice(0, 60))}`
      }
      return headerDifference(verdict.headers ?? {}, answers[0]!.headers)
    }
  }
}

/** The run's own request on the same connection, which must have come through untouched or not at all. */
function withoutAfter({ requests }: Observed): {
  requests: readonly SeenRequest[]
  after: boolean
} {
  const last = requests.at(-1)
  const after = last?.method === 'GET' && last.target === '/after' && last.body === ''
  return { requests: after ? requests.slice(0, -1) : requests, after }
}

function differences(expected: readonly Expected[], got: readonly SeenRequest[]): string | null {
  if (got.length !== expected.length) {
    return `${got.length} requests reached the upstreams: ${got.map(line).join(', ')}`
  }
  for (const [
    i,
    { to = 'monolith', method = 'GET', target, body, headers },
  ] of expected.entries()) {
    const one = got[i]!
    if (one.to !== to || one.method !== method || !matches(target, one.target)) {
      return `${line(one)} instead of ${to}: ${method} ${target}`
    }
    if (body !== undefined && one.body !== body) return `body ${JSON.stringify(one.body)}`
    const all = [...one.headers, ...one.trailers]
    const difference = headerDifference(headers ?? {}, all)
    if (difference) return difference
  }
  return null
}

function headerDifference(
  wanted: Readonly<Record<string, string | RegExp | null>>,
  headers: readonly Header[],
): string | null {
  for (const [name, value] of Object.entries(wanted)) {
    if (value === null) {
      const found = headers.find(
        ([given]) => given.toLowerCase().replace(/[^a-z0-9]/g, '-') === name,
      )
      if (found) return `header ${found.join(': ')}`
      continue
    }
    const values = valuesOf(headers, name)
    const good = values.length === 1 && matches(value, values[0]!)
    if (!good) return `header ${name}: ${values.join(' | ') || 'none'}`
  }
  return null
}

function matches(wanted: string | RegExp, given: string): boolean {
  return typeof wanted === 'string' ? wanted === given : wanted.test(given)
}

function line({ to, method, target }: SeenRequest): string {
  return `${to}: ${method} ${target}`
}
