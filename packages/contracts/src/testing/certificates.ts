// What @peculiar/x509 is built on asks for it, before anything else.
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
export const DAY_MS = 86_400_000

export interface Authority {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

const keyPair = () => crypto.subtle.generateKey(EC, true, ['sign', 'verify'])

/** A certificate authority of the tests. */
export async function authority(name: string): Promise<Authority> {
  const keys = await keyPair()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: EC,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return { certificate, keys }
}

let serial = 1

/** A certificate for a name, and its key, as PEM. */
export async function issue(by: Authority, name: string, { endsInMs = DAY_MS } = {}) {
  const keys = await keyPair()
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: String(serial++).padStart(4, '0'),
    subject: `CN=${name}`,
    issuer: by.certificate.subject,
    notBefore: new Date(Date.now() - 2 * DAY_MS),
    notAfter: new Date(Date.now() + endsInMs),
    publicKey: keys.publicKey,
    signingKey: by.keys.privateKey,
    signingAlgorithm: EC,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  })
  const key = x509.PemConverter.encode(
    await crypto.subtle.exportKey('pkcs8', keys.privateKey),
    'PRIVATE KEY',
  )
  return { cert: certificate.toString('pem'), key }
}

/** Writes a certificate for `name`, its key and the authority into a folder. @returns the TLS settings */
export async function install(folder: string, by: Authority, name: string) {
  const { cert, key } = await issue(by, name)
  const files = {
    TLS_CERT_FILE: cert,
    TLS_KEY_FILE: key,
    TLS_CA_FILE: by.certificate.toString('pem'),
  }
  const settings: Record<string, string> = {}
  for (const [setting, text] of Object.entries(files)) {
    settings[setting] = join(folder, `${name}-${setting}.pem`)
    await writeFile(settings[setting], text)
  }
  return { settings, ...files }
}
