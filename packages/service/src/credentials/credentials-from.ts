import { readFile } from 'node:fs/promises'
import type { CredentialsSource } from '@banyan/postgres'
import { parseCredentials, RenewedCredentials, type RenewedOptions } from './renewed-credentials.ts'
import { readSecret } from './secrets-manager.ts'

/**
 * The credentials a setting names: `file:PATH` (JSON with "username" and "password", read again as it
 * changes) or `aws:SECRET` (AWS Secrets Manager, by name or ARN; region, endpoint and its own credentials
 * as AWS's tools take them from the environment).
 *
 * @throws Error that says what was given and what is allowed.
 */
export function credentialsFrom(setting: string, options: RenewedOptions = {}): CredentialsSource {
  const [, kind, rest] = /^(file|aws):(.+)$/s.exec(setting) ?? []
  if (kind === 'aws') return new RenewedCredentials(readSecret(rest!), options)
  if (kind === 'file') {
    const read = async () => parseCredentials(await readFile(rest!, 'utf8'), rest!)
    return new RenewedCredentials(read, options)
  }
  throw new Error(`credentials are "${setting}"; "file:PATH" or "aws:SECRET" are allowed`)
}
