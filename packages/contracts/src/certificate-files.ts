import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { BanyanError } from './errors.ts'

/** Paths of PEM files. */
export interface CertificatePaths {
  /** This process's own certificate, and those between it and the authority. */
  readonly cert: string
  readonly key: string
  /** Authorities whose certificates are taken from the other side, where that has to show one. */
  readonly ca?: string
}

export interface Certificates {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

export interface CertificateFilesOptions {
  /** How often the files are looked at, ms; 30,000 by default. */
  readonly everyMs?: number
  /** Told, once for each reason, of files that cannot be taken up: the certificates before them stay in use. */
  readonly onFailure?: (error: Error) => void
}

/**
 * Certificates that are replaced while the process runs. Files that do not fit each other, as while they
 * are being written one by one, are left alone until they do.
 */
export class CertificateFiles {
  readonly #paths: CertificatePaths
  readonly #takers = new Set<(certificates: Certificates) => void>()
  readonly #onFailure: (error: Error) => void
  readonly #timer: NodeJS.Timeout
  #current: Certificates
  #problem: Error | null = null

  private constructor(
    paths: CertificatePaths,
    current: Certificates,
    { everyMs = 30_000, onFailure = () => {} }: CertificateFilesOptions,
  ) {
    this.#paths = paths
    this.#current = current
    this.#onFailure = onFailure
    // Looked at by time: what mounts secrets swaps links, of which file watchers see nothing.
    this.#timer = setInterval(() => void this.reload(), everyMs).unref()
  }

  /** @throws BanyanError BAD_CERTIFICATE that names the file that cannot be read, or says that they do not fit. */
  static async open(
    paths: CertificatePaths,
    options: CertificateFilesOptions = {},
  ): Promise<CertificateFiles> {
    return new CertificateFiles(paths, await read(paths), options)
  }

  get current(): Certificates {
    return this.#current
  }

  /** When the certificate in use ends, ms since 1970. */
  get endsAt(): number {
    return endOf(this.#current)
  }

  /** Why the files as they are now are not in use; null when they are. */
  get problem(): Error | null {
    return this.#problem
  }

  /** Calls `take` with the certificates now and whenever they change. */
  follow(take: (certificates: Certificates) => void): void {
    this.#takers.add(take)
    take(this.#current)
  }

  /** Looks at the files at once. */
  async reload(): Promise<void> {
    try {
      const found = await read(this.#paths)
      const { cert, key, ca } = this.#current
      if (found.cert !== cert || found.key !== key || found.ca !== ca) this.#replace(found)
      this.#problem = null
    } catch (error) {
      const known = this.#problem?.message === (error as Error).message
      this.#problem = error as Error
      if (!known) this.#onFailure(this.#problem)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #replace(found: Certificates): void {
    const end = endOf(found)
    if (end <= Date.now() && end <= this.endsAt) {
      throw bad(`The certificate in ${this.#paths.cert} ended on ${new Date(end).toISOString()}.`)
    }
    this.#current = found
    for (const take of this.#takers) take(found)
  }
}

async function read(paths: CertificatePaths): Promise<Certificates> {
  const { cert, key, ca } = paths
  try {
    const certificates: Certificates = {
      cert: await readFile(cert, 'utf8'),
      key: await readFile(key, 'utf8'),
      ...(ca === undefined ? {} : { ca: await readFile(ca, 'utf8') }),
    }
    createSecureContext(certificates)
    endOf(certificates)
    return certificates
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    if (code?.startsWith('E') && !code.startsWith('ERR_')) throw bad(`${message}.`)
    throw bad(`${cert} and ${key} do not fit${ca === undefined ? '' : `, or ${ca}`}: ${message}.`)
  }
}

function endOf({ cert }: Certificates): number {
  return Date.parse(new X509Certificate(cert).validTo)
}

function bad(reason: string): BanyanError {
  return new BanyanError('BAD_CERTIFICATE', { reason })
}
