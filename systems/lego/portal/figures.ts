/** What a service has counted since it began, of all routes together. */
export interface Counted {
  readonly requests: number
  readonly errors: number
  /** Requests that took no longer than so many seconds, by that bound, rising; the last is Infinity. */
  readonly within: readonly (readonly [seconds: number, requests: number])[]
}

/** What happened between two looks. */
export interface Figures {
  readonly requestsPerSecond: number
  /** Share of requests answered with 500 or more, 0 to 1; null where there were none. */
  readonly errorShare: number | null
  /** s; null where there were no requests. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

const DURATIONS = 'http_request_duration_seconds_bucket'
/** What watches it must not be among what it does. */
const WATCHING = ['/metrics', '/health', '/health/live', '/health/ready', '/openapi.json']

/** Reads the Prometheus text format as far as `http_request…` is concerned. */
export function readCounted(text: string): Counted {
  let requests = 0
  let errors = 0
  const within = new Map<number, number>()
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? []
    if (!name?.startsWith('http_request') || WATCHING.includes(labelOf(labels, 'route'))) continue
    const count = Number(value)
    if (name === 'http_requests_total') requests += count
    else if (name === 'http_request_errors_total') errors += count
    else if (name === DURATIONS) {
      const le = labelOf(labels, 'le')
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
      within.set(bound, (within.get(bound) ?? 0) + count)
    }
  }
  return { requests, errors, within: [...within].sort(([a], [b]) => a - b) }
}

/** @param before null where nothing was seen before. @returns null where the two say nothing together: a service that began anew. */
export function between(before: Counted | null, now: Counted, seconds: number): Figures | null {
  if (before === null || seconds <= 0 || now.requests < before.requests) return null
  const requests = now.requests - before.requests
  const earlier = new Map(before.within)
  const within = now.within.map(([le, n]) => [le, n - (earlier.get(le) ?? 0)] as const)
  return {
    requestsPerSecond: requests / seconds,
    errorShare: requests === 0 ? null : (now.errors - before.errors) / requests,
    p50: quantile(within, 0.5),
    p95: quantile(within, 0.95),
    p99: quantile(within, 0.99),
  }
}

/** As Prometheus does it: evenly spread within a bucket; of the last one no more is known than its lower bound. */
function quantile(within: Counted['within'], share: number): number | null {
  const all = within.at(-1)?.[1] ?? 0
  if (all <= 0) return null
  const wanted = share * all
  let [lower, below] = [0, 0]
  for (const [bound, count] of within) {
    if (count >= wanted) {
      if (bound === Number.POSITIVE_INFINITY) return lower
      return lower + ((bound - lower) * (wanted - below)) / (count - below)
    }
    lower = bound
    below = count
  }
  return lower
}

function labelOf(labels: string, name: string): string {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
}
