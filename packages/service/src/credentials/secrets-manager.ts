import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { Credentials } from '@banyan/postgres'
import { parseCredentials, type ReadCredentials, same } from './renewed-credentials.ts'

export interface SecretsManagerOptions {
  /** Instead of AWS's own; AWS_ENDPOINT_URL does the same. */
  readonly endpoint?: string
  /** AWS_REGION by default. */
  readonly region?: string
}

/**
 * Reads a secret that is rotated as AWS does it: the database is given the password of the version
 * AWSPENDING first, and that becomes AWSCURRENT after. Between the two only AWSPENDING is right, so it is
 * tried when AWSCURRENT is what the server refused.
 */
export function readSecret(secretId: string, options: SecretsManagerOptions = {}): ReadCredentials {
  let client: Promise<SecretsManagerClient> | undefined
  const version = async (stage: string): Promise<Credentials> => {
    // Loaded when first used: a service that keeps its credentials elsewhere starts without it.
    const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager')
    client ??= connect(options)
    const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage })
    const { SecretString } = await (await client).send(command)
    return parseCredentials(SecretString ?? '', `secret "${secretId}" (${stage})`)
  }
  return async (refused) => {
    const current = await version('AWSCURRENT')
    if (!refused || !same(current, refused)) return current
    // None is pending: the server refuses for another reason.
    return version('AWSPENDING').catch(() => current)
  }
}

async function connect({ endpoint, region }: SecretsManagerOptions): Promise<SecretsManagerClient> {
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager')
  return new SecretsManagerClient({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  })
}
