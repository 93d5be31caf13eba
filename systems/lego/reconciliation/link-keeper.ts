import { createClient, ServiceTokens, SigningKey } from '@banyan/service'
import { mocLinksApi } from '../services/moc/client.ts'

export interface LinkKeeperOptions {
  /** Of the MOC Management Service. */
  readonly url: string
  /** Of the reconciliation, a private JSON Web Key: the service knows its public half as `reconciliation`'s. */
  readonly key: string
  readonly issuer?: string
}

/** Asks the MOC Management Service, as the reconciliation; to be closed. */
export function linkKeeper({ url, key, issuer = 'banyan' }: LinkKeeperOptions) {
  const tokens = new ServiceTokens({ name: 'reconciliation', issuer, key: new SigningKey(key) })
  return createClient(mocLinksApi, { baseUrl: url, tokens })
}
