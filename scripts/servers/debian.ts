import { execFile } from 'node:child_process'
import { access, chmod, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Asked by Debian's install scripts whether a service may start; 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d'

/**
 * Installs packages without starting the services in them: ours run from our own folder, on our ports.
 *
 * @throws an Error that says what to install by hand, where apt-get or the right to use it is missing.
 */
export async function aptInstall(packages: readonly string[]): Promise<void> {
  const byHand = `install ${packages.join(' and ')} (or what your system calls it) so that it is in the PATH, then try again`
  if (!(await findProgram('apt-get'))) throw new Error(`no apt-get here: ${byHand}`)
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (sudo.length > 0 && !(await works(['sudo', '-n', 'true']))) {
    throw new Error(`apt-get needs root: ${byHand}`)
  }
  console.log(`apt-get install ${packages.join(' ')}`)
  await withoutServices(sudo, async () => {
    const options = ['-q', '-o', 'DPkg::Lock::Timeout=300']
    const apt = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options]
    await command([...apt, 'update'])
    await command([...apt, 'install', '-y', '--no-install-recommends', ...packages])
  })
}

async function withoutServices(sudo: readonly string[], install: () => Promise<void>) {
  if (await exists(POLICY)) return install()
  const draft = join(process.env.TMPDIR ?? '/tmp', `policy-${process.pid}`)
  await writeFile(draft, '#!/bin/sh\nexit 101\n')
  await chmod(draft, 0o755)
  await command([...sudo, 'cp', draft, POLICY])
  await rm(draft)
  try {
    await install()
  } finally {
    await command([...sudo, 'rm', POLICY])
  }
}

async function command([file, ...args]: readonly string[]): Promise<void> {
  try {
    await run(file!, args, { maxBuffer: 64 * 1024 * 1024 })
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    throw new Error(`${[file, ...args].join(' ')} failed: ${stderr?.trim() || message}`)
  }
}

function works(line: readonly string[]): Promise<boolean> {
  return command(line).then(
    () => true,
    () => false,
  )
}

/** Path of a program: the first of `places` that is there, else from the PATH; null when it is nowhere. */
export async function findProgram(
  name: string,
  places: readonly string[] = [],
): Promise<string | null> {
  const path = (process.env.PATH ?? '').split(delimiter)
  // Servers live in sbin, which is not in everyone's PATH.
  const folders = [...path, '/usr/sbin', '/usr/local/sbin']
  for (const place of [...places, ...folders.map((folder) => join(folder, name))]) {
    if (await exists(place)) return place
  }
  return null
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
