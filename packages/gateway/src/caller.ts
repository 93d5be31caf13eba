import {
  bucketOf,
  IDENTITY_HEADERS,
  type Identity,
  type IdentityKeys,
  signIdentity,
} from '@banyan/contracts'
import { type RequestHead, without } from './request-head.ts'

const IDENTITY_NAMES: ReadonlySet<string> = new Set(Object.values(IDENTITY_HEADERS))

/** How long one signed identity is reused, ms: well below the 60 s it is good for. */
const REUSE_MS = 20_000

/** Who asks, as verified; kept with the verified token, since hashing and signing cost more than a look-up. */
export class Caller {
  readonly identity: Identity
  readonly bucket: number
  readonly #plain: readonly string[]
  /** With the signature. */
  #signed: readonly string[] = []
  #signedAt = Number.NEGATIVE_INFINITY

  constructor(identity: Identity) {
    this.identity = identity
    this.bucket = bucketOf(identity.userId)
    this.#plain = [
      IDENTITY_HEADERS.userId,
      headerSafe(identity.userId),
      ...(identity.email === null ? [] : [IDENTITY_HEADERS.email, headerSafe(identity.email)]),
      IDENTITY_HEADERS.roles,
      identity.roles.map(headerSafe).join(','),
      IDENTITY_HEADERS.signed,
    ]
  }

  /**
   * Headers for a service, flat names and values: the gateway's word on who asks, and no other beside it. Two of one name
   * are one value with a comma to whoever reads them.
   */
  onto(
    headers: readonly string[],
    { namesCaller }: Pick<RequestHead, 'namesCaller'>,
    keys: IdentityKeys,
  ): string[] {
    const others = namesCaller ? without(headers, IDENTITY_NAMES) : headers
    return others.concat(this.#headers(keys))
  }

  #headers(keys: IdentityKeys): readonly string[] {
    const now = Date.now()
    if (now - this.#signedAt > REUSE_MS) {
      this.#signed = [...this.#plain, signIdentity(this.identity, keys, now)]
      this.#signedAt = now
    }
    return this.#signed
  }
}

/** Visible ASCII as it is; anything else percent-encoded, since a header cannot carry it. */
function headerSafe(value: string): string {
  return /^[\x21-\x7e]*$/.test(value) ? value : encodeURIComponent(value)
}
