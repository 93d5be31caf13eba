import {
  bucketOf,
  IDENTITY_HEADERS,
  type Identity,
  type IdentityKeys,
  signIdentity,
} from '@banyan/contracts'
import { type RequestHead, without } from './request-head.ts'
import { fieldsText } from './upstream/request-text.ts'

const IDENTITY_NAMES: ReadonlySet<string> = new Set(Object.values(IDENTITY_HEADERS))

/** How long one signed identity is reused, ms: well below the 60 s it is good for. */
const REUSE_MS = 20_000

/** Who asks, as verified; kept with the verified token, since hashing and signing cost more than a look-up. */
export class Caller {
  readonly identity: Identity
  readonly bucket: number
  /** What he is counted by. One text for all his requests: it is hashed once. */
  readonly key: string
  readonly #plain: readonly string[]
  /** With the signature. */
  #signed: readonly string[] = []
  /** The same as it is sent. */
  #text = ''
  #signedAt = Number.NEGATIVE_INFINITY

  constructor(identity: Identity) {
    this.identity = identity
    this.bucket = bucketOf(identity.userId)
    this.key = `user ${identity.userId}`
    this.#plain = [
      IDENTITY_HEADERS.userId,
      headerSafe(identity.userId),
      ...(identity.email === null ? [] : [IDENTITY_HEADERS.email, headerSafe(identity.email)]),
      IDENTITY_HEADERS.roles,
      identity.roles.map(headerSafe).join(','),
      IDENTITY_HEADERS.signed,
    ]
  }

  /** Headers for a service, flat names and values, with the gateway's word on who asks. */
  onto(headers: readonly string[], head: NamesCaller, keys: IdentityKeys): string[] {
    this.#sign(keys)
    return withoutCaller(headers, head).concat(this.#signed)
  }

  /** The gateway's word on who asks, for a service: fields as they are sent. What is beside it must be `withoutCaller`. */
  fields(keys: IdentityKeys): string {
    this.#sign(keys)
    return this.#text
  }

  #sign(keys: IdentityKeys): void {
    const now = Date.now()
    if (now - this.#signedAt <= REUSE_MS) return
    this.#signed = [...this.#plain, signIdentity(this.identity, keys, now)]
    this.#text = fieldsText(this.#signed)
    this.#signedAt = now
  }
}

type NamesCaller = Pick<RequestHead, 'namesCaller'>

/**
 * Headers among which nobody but the gateway says who asks: two of one name are one value with a comma to whoever reads
 * them.
 */
export function withoutCaller(
  headers: readonly string[],
  { namesCaller }: NamesCaller,
): readonly string[] {
  return namesCaller ? without(headers, IDENTITY_NAMES) : headers
}

/** Visible ASCII as it is; anything else percent-encoded, since a header cannot carry it. */
function headerSafe(value: string): string {
  return /^[\x21-\x7e]*$/.test(value) ? value : encodeURIComponent(value)
}
