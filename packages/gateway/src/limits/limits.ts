import { BanyanError, type LimitRule, type LimitSetting, type LimitStats } from '@banyan/contracts'
import type { Call } from '../call.ts'
import { CellRate, type Verdict } from './cell-rate.ts'
import { ClientAddress } from './client-address.ts'

const CALLERS = 100_000

/** A rule at work. */
interface Limit {
  readonly rule: LimitRule
  readonly methods: ReadonlySet<string> | null
  /** In lower case, as routes are matched: another spelling must not be another limit. */
  readonly paths: readonly string[]
  readonly rate: CellRate
  passed: number
  refused: number
}

/** What limits say to a call. */
export interface Admission {
  /** The refusal; null when the call may pass. */
  readonly error: BanyanError | null
  /** Flat names and values, for the answer. */
  readonly headers: readonly string[]
}

/** Counts requests by rule and caller, in this process. */
export class Limits {
  readonly #limits: readonly Limit[]
  readonly #address: ClientAddress
  readonly #now: () => number

  /** @throws an Error that names the network that is none. */
  constructor(setting: LimitSetting, now: () => number) {
    this.#now = now
    this.#address = new ClientAddress(setting.proxies ?? [])
    this.#limits = setting.rules.map((rule) => ({
      rule,
      methods: rule.methods ? new Set(rule.methods) : null,
      paths: rule.paths.map((path) => path.toLowerCase()),
      rate: new CellRate(
        rule.requests,
        rule.seconds,
        rule.burst ?? rule.requests,
        setting.callers ?? CALLERS,
      ),
      passed: 0,
      refused: 0,
    }))
  }

  /** Whether any rule is for the call, and whether one of them asks who the user is. */
  concern(call: Call): 'none' | 'address' | 'user' {
    let found: 'none' | 'address' = 'none'
    for (const limit of this.#limits) {
      if (!isFor(limit, call)) continue
      if (limit.rule.per === 'user') return 'user'
      found = 'address'
    }
    return found
  }

  /** Counts the call under each rule that is for it, up to the first that refuses it. */
  admit(call: Call): Admission {
    const now = this.#now()
    let strictest: { limit: Limit; verdict: Verdict } | null = null
    for (const limit of this.#limits) {
      if (!isFor(limit, call)) continue
      const verdict = limit.rate.take(this.#callerOf(limit, call), now)
      if (!verdict.allowed) {
        limit.refused++
        return { error: refusal(limit, verdict), headers: headersOf(limit, verdict) }
      }
      limit.passed++
      if (!strictest || verdict.remaining < strictest.verdict.remaining) {
        strictest = { limit, verdict }
      }
    }
    return { error: null, headers: strictest ? headersOf(strictest.limit, strictest.verdict) : [] }
  }

  stats(): LimitStats[] {
    return this.#limits.map(({ rule, passed, refused }) => ({ rule: rule.name, passed, refused }))
  }

  #callerOf({ rule }: Limit, call: Call): string {
    const { credentials, request } = call
    if (rule.per === 'user' && credentials?.state === 'valid') {
      return `user ${credentials.caller.identity.userId}`
    }
    return this.#address.of(request.socket.remoteAddress, call.head.forwardedFor)
  }
}

function isFor(limit: Limit, { method, target }: Call): boolean {
  if (limit.methods && !limit.methods.has(method)) return false
  const path = target.path.toLowerCase()
  return limit.paths.some((top) => isAtOrBelow(path, top))
}

function isAtOrBelow(path: string, top: string): boolean {
  if (top === '/' || path === top) return true
  return path.startsWith(top) && path.charCodeAt(top.length) === 0x2f /* / */
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}

function headersOf({ rule }: Limit, { remaining, resetMs, allowed, retryMs }: Verdict): string[] {
  const headers = [
    ...['ratelimit-limit', String(rule.burst ?? rule.requests)],
    ...['ratelimit-remaining', String(remaining)],
    ...['ratelimit-reset', String(seconds(resetMs))],
  ]
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
