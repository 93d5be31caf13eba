import { execFile } from 'node:child_process'
import { mkdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { exists, findProgram } from './debian.ts'

const run = promisify(execFile)

export interface GoProgram {
  /** What `go install` builds: `…/cmd/NAME@VERSION`, or without a version what the go.mod in `module` says. */
  readonly source: string
  readonly module?: string
  /** Where the program is to stand, under a name that says its version. */
  readonly file: string
}

/** Builds a program from Go modules, unless it is there. @throws an Error that says what to install */
export async function goProgram({ source, module, file }: GoProgram): Promise<void> {
  if (await exists(file)) return
  const what = basename(file)
  const go = await findProgram('go', ['/usr/local/go/bin/go'])
  if (!go) {
    throw new Error(
      `no Go here, from whose modules ${what} is built: install Go 1.25 or newer so that it is in the PATH, then try again`,
    )
  }
  console.log(`go install ${what}; the first build takes two minutes of CPU`)
  const building = join(dirname(file), 'building')
  await mkdir(building, { recursive: true })
  const options = { env: { ...process.env, GOBIN: building }, maxBuffer: 64 * 1024 * 1024 }
  await run(go, ['install', source], module === undefined ? options : { ...options, cwd: module })
  // Last, so that a build that was cut off is done again.
  const [name] = basename(source).split('@')
  await rename(join(building, name!), file)
}
