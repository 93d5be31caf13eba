import { LATENCY_BOUNDS_MS } from '@banyan/contracts'
import type { Call } from './call.ts'
import type { Exposition, Labels, Sample } from './exposition.ts'

/** 1,024 buckets in so many groups: few enough for a series each, and none that would name a user. */
const GROUPS = 16
const BUCKETS_A_GROUP = 64
/** Routes counted by themselves; tables that change for ever must not fill the memory. */
const ROUTES = 2_000

export function groupOf(bucket: number): number {
  return Math.floor(bucket / BUCKETS_A_GROUP)
}

/** What is counted of one route at one side. */
class RouteSeries {
  readonly labels: Labels
  readonly statuses = new Map<number, number>()
  /** By interval, not cumulative; the last one has no upper bound. */
  readonly intervals = new Float64Array(LATENCY_BOUNDS_MS.length + 1)
  ms = 0

  constructor(labels: Labels) {
    this.labels = labels
  }

  answered(status: number, ms: number | null): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    if (ms === null) return
    let i = 0
    while (i < LATENCY_BOUNDS_MS.length && ms > LATENCY_BOUNDS_MS[i]!) i++
    this.intervals[i]!++
    this.ms += ms
  }

  *histogram(): Generator<Sample> {
    let sum = 0
    for (const [i, bound] of LATENCY_BOUNDS_MS.entries()) {
      sum += this.intervals[i]!
      yield [{ ...this.labels, le: bound / 1000 }, sum, '_bucket']
    }
    sum += this.intervals.at(-1)!
    yield [{ ...this.labels, le: '+Inf' }, sum, '_bucket']
    yield [this.labels, this.ms / 1000, '_sum']
    yield [this.labels, sum, '_count']
  }
}

/** What is counted of one extraction's users at one side, by group of buckets. */
class GroupSeries {
  readonly labels: Labels
  readonly requests = new Float64Array(GROUPS)
  readonly errors = new Float64Array(GROUPS)
  readonly ms = new Float64Array(GROUPS)

  constructor(labels: Labels) {
    this.labels = labels
  }
}

type BySide<T> = Readonly<Record<Call['side'], Map<string, T>>>

function bySide<T>(): BySide<T> {
  return { source: new Map(), target: new Map(), none: new Map() }
}

function allOf<T>({ source, target, none }: BySide<T>): T[] {
  return [source, target, none].flatMap((series) => [...series.values()])
}

/** Requests that are over, by what they were about and what came of them, since the gateway started. */
export class RequestCounters {
  /** By route's label: a text that is made once for a table, unlike one with the side in it. */
  readonly #routes = bySide<RouteSeries>()
  /** By extraction. */
  readonly #groups = bySide<GroupSeries>()
  #routeCount = 0
  /** Of all routes beyond `ROUTES`. */
  #others: RouteSeries | null = null
  readonly #refusals = new Map<string, number>()
  #left = 0

  /** @param ms from its arrival to the end of its answer; null for a stream, which lasts as long as its client. */
  ended(call: Call, status: number | null, ms: number | null): void {
    if (call.refusal !== null) this.refused(call.refusal)
    if (status === null) {
      this.#left++
      return
    }
    this.#routeOf(call).answered(status, ms)
    if (call.placement === null) return
    const { requests, errors, ms: sums } = this.#groupOf(call)
    const group = groupOf(call.placement.bucket)
    requests[group]!++
    if (status >= 500) errors[group]!++
    sums[group]! += ms ?? 0
  }

  /** @param code of the error catalogue. */
  refused(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
  }

  writeTo(page: Exposition): void {
    const routes = [...allOf(this.#routes), ...(this.#others ? [this.#others] : [])]
    const groups = allOf(this.#groups).flatMap((series) =>
      Array.from(series.requests.keys(), (group) => ({
        labels: { ...series.labels, bucket_group: group },
        requests: series.requests[group]!,
        errors: series.errors[group]!,
        seconds: series.ms[group]! / 1000,
      })).filter(({ requests }) => requests > 0),
    )
    page
      .family(
        'banyan_gateway_requests_total',
        'counter',
        'Requests answered, by route and by the side that served them ("none": the gateway alone)',
        routes.flatMap(({ labels, statuses }) =>
          [...statuses].map(([status, count]): Sample => [{ ...labels, status }, count]),
        ),
      )
      .family(
        'banyan_gateway_request_duration_seconds',
        'histogram',
        'From the arrival of a request to the end of its answer, time on hold included, streams not',
        routes.flatMap((series) => [...series.histogram()]),
      )
      .family(
        'banyan_gateway_bucket_group_duration_seconds',
        'summary',
        'The same by group of buckets: group N has the buckets from 64 N on',
        groups.flatMap(({ labels, requests, seconds }): Sample[] => [
          [labels, seconds, '_sum'],
          [labels, requests, '_count'],
        ]),
      )
      .family(
        'banyan_gateway_bucket_group_errors_total',
        'counter',
        'Answers of 500 and above, by group of buckets',
        groups.map(({ labels, errors }): Sample => [labels, errors]),
      )
      .family(
        'banyan_gateway_refusals_total',
        'counter',
        'Requests that the gateway answered itself, by code of the error catalogue',
        [...this.#refusals].map(([code, count]): Sample => [{ code }, count]),
      )
      .family(
        'banyan_gateway_clients_left_total',
        'counter',
        'Requests whose client left before the end of the answer',
        [[{}, this.#left]],
      )
  }

  #routeOf(call: Call): RouteSeries {
    const { placement, side } = call
    const key = placement === null ? '' : placement.route.label
    const known = this.#routes[side].get(key)
    if (known) return known
    if (this.#routeCount >= ROUTES) {
      this.#others ??= new RouteSeries(OTHERS)
      return this.#others
    }
    const series = new RouteSeries(labelsOf(call))
    this.#routes[side].set(key, series)
    this.#routeCount++
    return series
  }

  #groupOf(call: Call): GroupSeries {
    const { side } = call
    const extraction = call.placement!.route.extraction.name
    let series = this.#groups[side].get(extraction)
    if (!series) {
      series = new GroupSeries({ extraction, side })
      this.#groups[side].set(extraction, series)
    }
    return series
  }
}

const OTHERS: Labels = { extraction: '', route: 'others', access: '', side: '' }

function labelsOf({ placement, side }: Call): Labels {
  if (!placement) return { extraction: '', route: 'unmatched', access: '', side }
  const { extraction, path, write } = placement.route
  return { extraction: extraction.name, route: path, access: write ? 'write' : 'read', side }
}
