import { importJWK, type JWK, SignJWT } from 'jose'

/** This process, as the services know it. */
const NAME = 'lego'
const TOKEN_HEADER = 'x-banyan-service-token'
const TOKEN_S = 120
/** One that does not answer at all is not asked again for so long, ms: every request would wait for it. */
const AWAY_MS = 2_000
/** The answers that are about what was sent. */
const ABOUT_THE_REQUEST = [400, 409, 410, 413, 422]

/** The service cannot be asked, or cannot answer: what it was asked for has to be done without it. */
export class ServiceAway extends Error {}

/** The service will not do what it was asked for, and says why. */
export class ServiceRefused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export interface CallerOptions {
  /** The service's name, as its tokens have it. */
  readonly service: string
  readonly url: string
  /** A private JSON Web Key. */
  readonly key: string
  readonly issuer: string
}

/** Asks one service over HTTP, with a token that says who asks. */
export class ServiceCaller {
  readonly #options: CallerOptions
  readonly #jwk: JWK & { kid: string }
  #awayUntil = 0

  /** @throws Error for a key that is none; it does not repeat it */
  constructor(options: CallerOptions) {
    this.#options = options
    this.#jwk = readKey(options.key)
  }

  /**
   * @param timeoutMs for the whole answer
   * @throws ServiceAway; ServiceRefused
   */
  async call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    timeoutMs: number,
    body?: object | Buffer,
  ): Promise<unknown> {
    const { service, url } = this.#options
    if (Date.now() < this.#awayUntil) throw new ServiceAway(`${service} did not answer just now`)
    const raw = body instanceof Buffer
    const headers: Record<string, string> = { [TOKEN_HEADER]: await this.#token() }
    if (body) headers['content-type'] = raw ? 'application/octet-stream' : 'application/json'
    let status: number
    let text: string
    try {
      const answer = await fetch(new URL(path, url), {
        method,
        headers,
        ...(body ? { body: raw ? new Uint8Array(body) : JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(timeoutMs),
      })
      status = answer.status
      text = await answer.text()
    } catch (error) {
      this.#awayUntil = Date.now() + AWAY_MS
      throw new ServiceAway(`${service}: ${reasonOf(error)}`)
    }
    if (status >= 200 && status < 300) return text === '' ? null : JSON.parse(text)
    const { code = 'UNKNOWN', detail = text.slice(0, 200) } = problemOf(text)
    if (ABOUT_THE_REQUEST.includes(status)) throw new ServiceRefused(status, code, detail)
    throw new ServiceAway(`${service} answered ${status} ${code}: ${detail}`)
  }

  async #token(): Promise<string> {
    const { service, issuer } = this.#options
    const { kid } = this.#jwk
    return new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(NAME)
      .setAudience(service)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_S}s`)
      .setJti(crypto.randomUUID())
      .sign(await importJWK(this.#jwk, 'ES256'))
  }
}

function readKey(text: string): JWK & { kid: string } {
  try {
    const jwk = JSON.parse(text) as JWK
    if (typeof jwk.kid === 'string') return { ...jwk, kid: jwk.kid }
  } catch {
    // Said below, without the key.
  }
  throw new Error('SERVICE_KEY is no private JSON Web Key with a kid')
}

function problemOf(text: string): { code?: string; detail?: string } {
  try {
    return JSON.parse(text) as object
  } catch {
    return {}
  }
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error }
  return cause?.message || message
}
