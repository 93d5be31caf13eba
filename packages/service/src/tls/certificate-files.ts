import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'

/** Paths of PEM files. */
export interface CertificatePaths {
  /** This process's own certificate, and those between it and the authority. */
  readonly cert: string
  readonly key: string
  /** Authorities whose certificates are taken from the other side. */
  readonly ca: string
}

export interface Certificates {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface CertificateFilesOptions {
  /** How often the files are looked at, ms; 30,000 by default. */
  readonly everyMs?: number
  /** Told of files that cannot be taken up: the certificates before them stay in use. */
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

  /** @throws Error that names the file that cannot be read, or says that they do not fit. */
  static async open(
    paths: CertificatePaths,
    options: CertificateFilesOptions = {},
  ): Promise<CertificateFiles> {
    return new CertificateFiles(paths, await read(paths), options)
  }

  get current(): Certificates {
    return this.#current
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
      if (found.cert === cert && found.key === key && found.ca === ca) return
      this.#current = found
      for (const take of this.#takers) take(found)
    } catch (error) {
      this.#onFailure(error as Error)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

async function read(paths: CertificatePaths): Promise<Certificates> {
  const [cert, key, ca] = await Promise.all(
    [paths.cert, paths.key, paths.ca].map((path) => readFile(path, 'utf8')),
  )
  const certificates = { cert: cert!, key: key!, ca: ca! }
  try {
    createSecureContext(certificates)
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`${paths.cert} and ${paths.key} do not fit, or ${paths.ca}: ${reason}`, {
      cause: error,
    })
  }
  return certificates
}
