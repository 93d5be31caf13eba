import { CertificateFiles } from '@banyan/contracts'
import type { Log } from '../log.ts'
import { SettingsError } from '../process-settings.ts'
import type { Certified } from '../server.ts'
import type { Settings } from '../settings.ts'

/**
 * The service's certificate as its settings say; null without them.
 *
 * @throws SettingsError that names the file which cannot be read, or does not fit
 */
export async function openCertified(
  service: string,
  { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS_CLIENT_AUTH }: Settings,
  log: Log,
): Promise<Certified | null> {
  if (!TLS_CERT_FILE || !TLS_KEY_FILE || !TLS_CA_FILE) return null
  const paths = { cert: TLS_CERT_FILE, key: TLS_KEY_FILE, ca: TLS_CA_FILE }
  const onFailure = ({ message }: Error) =>
    log.error({ reason: message }, 'the certificates on disk are not taken up')
  try {
    const files = await CertificateFiles.open(paths, { onFailure })
    return { files, clientsMayLackOne: TLS_CLIENT_AUTH === 'optional' }
  } catch (error) {
    const fault = `TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE: ${(error as Error).message}`
    throw new SettingsError(service, [fault])
  }
}
