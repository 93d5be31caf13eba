import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { aptInstall, findProgram } from './debian.ts'
import { folderOf } from './server.ts'

const run = promisify(execFile)

/**
 * Installs pinned packages into a virtual environment of their own; costs nothing when they are there.
 *
 * @param requirements a file as `pip freeze` writes it
 * @returns the folder of its programs
 * @throws an Error that says what to install, where there is no Python
 */
export async function installPython(name: string, requirements: string): Promise<string> {
  const environment = folderOf(name, 'venv')
  const installed = join(environment, basename(requirements))
  const programs = join(environment, 'bin')
  const wanted = await readFile(requirements, 'utf8')
  if ((await readFile(installed, 'utf8').catch(() => '')) === wanted) return programs
  console.log(`${name}: pip install into a virtual environment`)
  await makeEnvironment(environment)
  await run(join(programs, 'pip'), ['install', '--quiet', '-r', requirements])
  // Last, so that an install that was cut off is done again.
  await writeFile(installed, wanted)
  return programs
}

async function makeEnvironment(folder: string): Promise<void> {
  const make = async () => {
    await rm(folder, { recursive: true, force: true })
    await run((await findProgram('python3'))!, ['-m', 'venv', folder])
  }
  // Debian's python3 comes without venv.
  await make().catch(async () => {
    await aptInstall(['python3-venv'])
    await make()
  })
}
