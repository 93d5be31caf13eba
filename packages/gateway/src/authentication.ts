import type { AuthSetting, KeySetOptions } from '@banyan/contracts'
import { Caller } from './caller.ts'
import { type Credentials, MISSING, schemeToken } from './credentials.ts'
import { jwksVerifier, secretVerifier } from './json-web-token.ts'
import { headerValue, type RequestHead } from './request-head.ts'
import { type SessionLookUp, SessionVerifier } from './session.ts'

export interface Authenticator {
  /**
   * At once when the answer is cached.
   *
   * @param connection on which it was asked: its requests bear the same credentials, as a rule.
   * @throws BanyanError UPSTREAM_UNREACHABLE when it cannot be known (no key set yet, database away).
   */
  verify(head: RequestHead, connection?: object): Credentials | Promise<Credentials>
  /** A header in lower case that carries the identity although clients may not send such; see `kind: 'header'`. */
  readonly trustedHeader: string | undefined
  /** Whether requests without credentials belong to nobody, rather than to the monolith to refuse. */
  readonly anonymous: boolean
  close(): Promise<void>
}

export interface AuthenticationOptions extends KeySetOptions {
  /** Replaces the query of a `session` setting; for tests. */
  readonly lookUpSession?: SessionLookUp
}

export function createAuthenticator(
  setting: AuthSetting,
  options: AuthenticationOptions,
): Authenticator {
  const plain = { trustedHeader: undefined, anonymous: false, close: async () => {} }
  switch (setting.kind) {
    case 'none':
      return { ...plain, anonymous: true, verify: () => MISSING }
    case 'header':
      return {
        ...plain,
        trustedHeader: setting.name.toLowerCase(),
        verify(head) {
          const userId = headerValue(head, setting.name)
          if (!userId) return MISSING
          return { state: 'valid', caller: new Caller({ userId, email: null, roles: [] }) }
        },
      }
    case 'session': {
      const verifier = new SessionVerifier(setting, options.lookUpSession)
      return {
        ...plain,
        verify: (head) => verifier.verify(head),
        close: () => verifier.close(),
      }
    }
    default: {
      const verifier =
        setting.kind === 'jwks' ? jwksVerifier(setting, options) : secretVerifier(setting)
      const scheme = setting.scheme ?? 'Bearer'
      return {
        ...plain,
        verify(head, connection) {
          const token = schemeToken(head.authorization, scheme)
          return token === undefined ? MISSING : verifier.verify(token, connection)
        },
      }
    }
  }
}
