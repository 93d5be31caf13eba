import type { Credentials, CredentialsSource } from '@banyan/postgres'

export interface RenewedOptions {
  /** How old what was read may become before it is read again, ms; 30,000 by default. */
  readonly maxAgeMs?: number
  /** ms on a monotonic clock; for tests. */
  readonly now?: () => number
}

/**
 * Where credentials are read.
 * @param refused what the server has just refused, when that is why they are read
 */
export type ReadCredentials = (refused: Credentials | null) => Promise<Credentials>

/** Keeps credentials for a while; what was read once is used on while it cannot be read again. */
export class RenewedCredentials implements CredentialsSource {
  readonly #read: ReadCredentials
  readonly #maxAgeMs: number
  readonly #now: () => number
  #held: Credentials | null = null
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<Credentials> | null = null

  constructor(read: ReadCredentials, { maxAgeMs = 30_000, now }: RenewedOptions = {}) {
    this.#read = read
    this.#maxAgeMs = maxAgeMs
    this.#now = now ?? (() => performance.now())
  }

  /** @throws what reading them throws, when they were never read. */
  async get(): Promise<Credentials> {
    if (!this.#held) return this.#renew(null)
    // Nobody waits for a source that is slow while there is something to try.
    if (this.#now() - this.#readAt > this.#maxAgeMs) this.#renew(null).catch(() => {})
    return this.#held
  }

  /** Reads at most once for all who were refused the same. */
  async renew(refused: Credentials): Promise<Credentials> {
    if (this.#held && !same(this.#held, refused)) return this.#held
    return this.#renew(refused).catch(() => this.#held ?? refused)
  }

  #renew(refused: Credentials | null): Promise<Credentials> {
    this.#readAt = this.#now()
    this.#reading ??= this.#read(refused)
      .then((credentials) => {
        this.#held = credentials
        return credentials
      })
      .finally(() => {
        this.#reading = null
      })
    return this.#reading
  }
}

export function same(a: Credentials, b: Credentials): boolean {
  return a.user === b.user && a.password === b.password
}

/**
 * Reads `{"username": …, "password": …}`, as AWS keeps it; `user` does as well.
 * @throws Error that says what is missing and where, and never what is there.
 */
export function parseCredentials(text: string, where: string): Credentials {
  let given: Partial<Record<'username' | 'user' | 'password', unknown>> | null
  try {
    given = JSON.parse(text)
  } catch {
    throw new Error(`${where} is not JSON; {"username": "…", "password": "…"} is needed`)
  }
  const user = given?.username ?? given?.user
  const password = given?.password
  if (typeof user !== 'string' || typeof password !== 'string' || user === '') {
    throw new Error(`${where} must have "username" and "password", both text`)
  }
  return { user, password }
}
