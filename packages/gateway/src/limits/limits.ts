import { BanyanError, type LimitRule, type LimitSetting, type LimitStats } from '@banyan/contracts'
import type { Call } from '../call.ts'
import { CellRate, type Verdict } from './cell-rate.ts'
import { ClientAddress } from './client-address.ts'
import type { RateCounter } from './rate-counter.ts'
import { SharedRates, type SharedRatesOptions } from './shared-rates.ts'

const CALLERS = 100_000

/** A rule at work. */
export interface Limit {
  readonly rule: LimitRule
  readonly methods: ReadonlySet<string> | null
  /** In lower case, as routes are matched: another spelling must not be another limit. */
  readonly paths: readonly string[]
  /** Whether it is for all paths. */
  readonly everywhere: boolean
  /** What it allows, for headers. */
  readonly most: string
  readonly rate: CellRate
  passed: number
  refused: number
  alone: number
}

/** The limits that are for one call. */
export interface Concern {
  readonly limits: readonly Limit[]
  /** Whether one of them asks who the user is. */
  readonly asksUser: boolean
}

/** What limits say to a call. */
export interface Admission {
  /** The refusal; null when the call may pass. */
  readonly error: BanyanError | null
  /** Flat names and values, for the answer. */
  readonly headers: readonly string[]
}

export interface LimitsState {
  readonly counting: 'here' | 'together' | 'share' | 'open' | 'closed'
  readonly gateways: number
}

export interface LimitsOptions extends Pick<SharedRatesOptions, 'now' | 'gateway' | 'onChange'> {
  /** Where the workers of one gateway count together; Redis, where it is set, counts for them too. */
  readonly counter: RateCounter | null
}

/** What the rules say to one call, one after the other. */
class Tally {
  #error: BanyanError | null = null
  #strictest: { limit: Limit; verdict: Verdict } | null = null

  /** @returns whether the next rule is to be asked. */
  add(limit: Limit, verdict: Verdict): boolean {
    if (!verdict.allowed) {
      limit.refused++
      this.#error = refusal(limit, verdict)
      this.#strictest = { limit, verdict }
      return false
    }
    limit.passed++
    if (!this.#strictest || verdict.remaining < this.#strictest.verdict.remaining) {
      this.#strictest = { limit, verdict }
    }
    return true
  }

  get admission(): Admission {
    const found = this.#strictest
    return { error: this.#error, headers: found ? headersOf(found.limit, found.verdict) : [] }
  }
}

/** Counts requests by rule and caller: in this process, with other workers in their primary, or in Redis with other gateways. */
export class Limits {
  readonly #limits: readonly Limit[]
  /** That of every call, where all limits are for all; else null. */
  readonly #same: Concern | null
  readonly #address: ClientAddress
  readonly #now: () => number
  readonly #shared: RateCounter | null
  readonly #whenAway: 'share' | 'open' | 'closed'

  /** @throws an Error that names the network that is none. */
  constructor(setting: LimitSetting, { now, gateway, onChange, counter }: LimitsOptions) {
    this.#now = now
    this.#shared = setting.redis
      ? new SharedRates({ ...setting.redis, now, gateway, onChange })
      : counter
    this.#whenAway = setting.redis?.whenAway ?? 'share'
    this.#address = new ClientAddress(setting.proxies ?? [])
    this.#limits = setting.rules.map((rule) => ({
      rule,
      methods: rule.methods ? new Set(rule.methods) : null,
      paths: rule.paths.map((path) => path.toLowerCase()),
      everywhere: rule.paths.includes('/'),
      most: String(rule.burst ?? rule.requests),
      rate: new CellRate(
        rule.requests,
        rule.seconds,
        rule.burst ?? rule.requests,
        setting.callers ?? CALLERS,
      ),
      passed: 0,
      refused: 0,
      alone: 0,
    }))
    const same = this.#limits.every(({ everywhere, methods }) => everywhere && !methods)
    this.#same = same ? concernOf(this.#limits) : null
  }

  /** Which limits are for the call. */
  concern(call: Call): Concern {
    return this.#same ?? concernOf(this.#limits.filter((limit) => isFor(limit, call)))
  }

  /** Connects to where is counted; requests are judged without it meanwhile. */
  async open(): Promise<void> {
    await this.#shared?.open()
  }

  async close(): Promise<void> {
    await this.#shared?.close()
  }

  /** How requests are counted now, and by how many gateways. */
  get state(): LimitsState {
    if (!this.#shared) return { counting: 'here', gateways: 1 }
    const { away, gateways } = this.#shared
    return { counting: away ? this.#whenAway : 'together', gateways }
  }

  /** Counts the call under each limit that is for it, up to the first that refuses it. */
  admit(call: Call, { limits }: Concern): Admission | Promise<Admission> {
    if (!this.#shared) return this.#admitHere(call, limits, 1)
    return this.#admitTogether(call, limits, this.#shared)
  }

  /** Whether a connection from there is a known proxy's. */
  isProxy(socketAddress: string | undefined): boolean {
    return this.#address.isProxy(socketAddress)
  }

  stats(): LimitStats[] {
    return this.#limits.map(({ rule, passed, refused, alone }) => ({
      ...{ rule: rule.name, passed, refused, alone },
    }))
  }

  /** @param sharers gateways that count the same callers, each for itself. */
  #admitHere(call: Call, limits: readonly Limit[], sharers: number): Admission {
    const now = this.#now()
    const tally = new Tally()
    for (const limit of limits) {
      if (!tally.add(limit, limit.rate.take(this.#callerOf(limit, call), now, sharers))) break
    }
    return tally.admission
  }

  async #admitTogether(
    call: Call,
    limits: readonly Limit[],
    shared: RateCounter,
  ): Promise<Admission> {
    const now = this.#now()
    const claims = limits.map((limit) => {
      const { rule, rate } = limit
      const caller = this.#callerOf(limit, call)
      const { intervalMs, depthMs } = rate
      return { rule: rule.name, caller, intervalMs, depthMs, knownMs: rate.aheadMs(caller, now) }
    })
    try {
      const counted = await shared.take(claims)
      const tally = new Tally()
      for (const [i, { allowed, aheadMs }] of counted.entries()) {
        // As of when it was asked: then what is told to Redis the next time is not more than it knows.
        const verdict = limits[i]!.rate.note(claims[i]!.caller, allowed, aheadMs, now)
        tally.add(limits[i]!, verdict)
      }
      return tally.admission
    } catch {
      for (const limit of limits) limit.alone++
      return this.#admitAlone(call, limits, shared)
    }
  }

  /** Where they count together says nothing. */
  #admitAlone(call: Call, limits: readonly Limit[], { gateways }: RateCounter): Admission {
    if (this.#whenAway === 'share') return this.#admitHere(call, limits, gateways)
    for (const limit of limits) {
      if (this.#whenAway === 'open') limit.passed++
      else limit.refused++
    }
    const reason = 'Requests cannot be counted now, and are not let pass uncounted.'
    const closed = this.#whenAway === 'closed'
    return { error: closed ? new BanyanError('UNAVAILABLE', { reason }) : null, headers: [] }
  }

  #callerOf({ rule }: Limit, call: Call): string {
    const { credentials, request } = call
    if (rule.per === 'user' && credentials?.state === 'valid') {
      return credentials.caller.key
    }
    return this.#address.of(request.socket.remoteAddress, call.head.forwardedFor)
  }
}

function concernOf(limits: readonly Limit[]): Concern {
  return { limits, asksUser: limits.some(({ rule }) => rule.per === 'user') }
}

function isFor(limit: Limit, { method, target }: Call): boolean {
  if (limit.methods && !limit.methods.has(method)) return false
  if (limit.everywhere) return true
  // Parameters are no part of what is routed, and must not be a way around a limit.
  const path = target.path.toLowerCase().replace(/;[^/]*/g, '')
  return limit.paths.some((top) => isAtOrBelow(path, top))
}

function isAtOrBelow(path: string, top: string): boolean {
  if (path === top) return true
  return path.startsWith(top) && path.charCodeAt(top.length) === 0x2f /* / */
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}

function headersOf({ most }: Limit, { remaining, resetMs, allowed, retryMs }: Verdict): string[] {
  const reset = String(seconds(resetMs))
  const headers = ['ratelimit-limit', most, 'ratelimit-remaining', String(remaining)]
  headers.push('ratelimit-reset', reset)
  if (!allowed) headers.push('retry-after', String(Math.max(1, seconds(retryMs))))
  return headers
}

function refusal({ rule }: Limit, { retryMs }: Verdict): BanyanError {
  return new BanyanError('TOO_MANY_REQUESTS', {
    rule: rule.name,
    requests: rule.requests,
    seconds: rule.seconds,
    per: rule.per,
    retryAfterS: Math.max(1, seconds(retryMs)),
  })
}
