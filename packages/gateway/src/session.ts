import { type AuthSetting, BanyanError, Lru } from '@banyan/contracts'
import pg from 'pg'
import { Caller } from './caller.ts'
import { type Credentials, INVALID, MISSING, schemeToken } from './credentials.ts'
import { headerValue, type RequestHead } from './request-head.ts'

/** Answers the owner key of a session token, or null for a token that is not (or no longer) valid. */
export type SessionLookUp = (token: string) => Promise<string | null>

const CACHE_MS = 5_000
const CACHED = 10_000
/** A look-up that takes longer, ms, counts as failed. */
const QUERY_MS = 3_000

interface Known {
  readonly credentials: Credentials
  readonly untilMs: number
}

/** Looks an opaque session up in the monolith's database, and remembers the answer for seconds. */
export class SessionVerifier {
  readonly #setting: AuthSetting & { kind: 'session' }
  readonly #lookUp: SessionLookUp
  readonly #known = new Lru<Known>(CACHED)
  readonly #asking = new Map<string, Promise<Credentials>>()
  #pool: pg.Pool | null = null

  constructor(setting: AuthSetting & { kind: 'session' }, lookUp?: SessionLookUp) {
    this.#setting = setting
    this.#lookUp = lookUp ?? ((token) => this.#query(token))
  }

  verify(head: RequestHead): Credentials | Promise<Credentials> {
    const token = this.#token(head)
    if (!token) return MISSING
    const known = this.#known.get(token)
    if (known && known.untilMs > performance.now()) return known.credentials
    let asking = this.#asking.get(token)
    if (!asking) {
      asking = this.#ask(token).finally(() => this.#asking.delete(token))
      this.#asking.set(token, asking)
    }
    return asking
  }

  async close(): Promise<void> {
    await this.#pool?.end()
  }

  async #ask(token: string): Promise<Credentials> {
    let owner: string | null
    try {
      owner = await this.#lookUp(token)
    } catch (error) {
      const { code, message } = error as Error & { code?: string }
      throw new BanyanError(
        'UPSTREAM_UNREACHABLE',
        { upstream: 'session look-up', reason: code ?? message },
        { cause: error },
      )
    }
    const credentials: Credentials =
      owner === null
        ? INVALID
        : { state: 'valid', caller: new Caller({ userId: owner, email: null, roles: [] }) }
    const untilMs = performance.now() + (this.#setting.cacheMs ?? CACHE_MS)
    // An unknown token may become known at any moment (sign-in): its absence is never remembered.
    if (owner !== null) this.#known.set(token, { credentials, untilMs })
    return credentials
  }

  async #query(token: string): Promise<string | null> {
    this.#pool ??= sessionPool(this.#setting.databaseUrl)
    const { rows } = await this.#pool.query<unknown[]>({
      text: this.#setting.query,
      values: [token],
      rowMode: 'array',
    })
    const owner = rows[0]?.[0]
    return owner === null || owner === undefined ? null : String(owner)
  }

  #token(head: RequestHead): string | undefined {
    const { cookie, header, scheme } = this.#setting
    if (cookie !== undefined) {
      const found = cookieValue(head.cookie, cookie)
      if (found !== undefined) return found
    }
    if (header === undefined) return undefined
    const value = headerValue(head, header)
    return scheme === undefined ? value : schemeToken(value, scheme)
  }
}

/** The first cookie of this name, unescaped. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue
    const value = pair.slice(equals + 1).trim()
    const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    try {
      return decodeURIComponent(bare)
    } catch {
      return bare
    }
  }
  return undefined
}

function sessionPool(databaseUrl: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'banyan gateway sessions',
    max: 4,
    connectionTimeoutMillis: QUERY_MS,
    statement_timeout: QUERY_MS,
    query_timeout: QUERY_MS,
  })
  // An idle connection that dies (a restarted server) must not end the process.
  pool.on('error', () => {})
  return pool
}
