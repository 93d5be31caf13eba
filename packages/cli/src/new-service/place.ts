import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { badCommand } from '../failure.ts'

const PLAN = /^banyan\.config\.[cm]?[jt]s$/
/** Services of a system stand on the hundreds; where those are taken, between them. */
const PORTS = [
  ...Array.from({ length: 8 }, (_, n) => 9_100 + n * 100),
  ...Array.from({ length: 800 }, (_, n) => 9_100 + n),
]

/**
 * Where the service goes: `services/NAME` beside the plan, or below `cwd` where there is none.
 *
 * @param given.folder instead, below `cwd`
 * @param given.config the plan's path, when it was given
 */
export async function folderFor(
  name: string,
  given: { readonly folder?: string; readonly config?: string },
  cwd: string,
): Promise<string> {
  if (given.folder !== undefined) return resolve(cwd, given.folder)
  const plan = given.config
    ? dirname(resolve(cwd, given.config))
    : await nearestWith(join(cwd, 'services'), PLAN)
  return join(plan ?? cwd, 'services', name)
}

/** Nothing that is there is ever written over. @throws CommandError BAD_COMMAND when something is */
export async function checkEmpty(folder: string, cwd: string): Promise<void> {
  const found = await stat(folder).catch(() => null)
  if (found === null) return
  const held = found.isDirectory() ? await readdir(folder) : null
  if (held?.length === 0) return
  const shown = relative(cwd, folder) || '.'
  throw badCommand(
    held ? `${shown} holds ${some(held)}; nothing is written over` : `${shown} is a file`,
    'Give another name, or a folder that is empty or not there yet with --folder.',
  )
}

/**
 * A port that neither the services beside it nor a `docs/ports.md` above it have.
 *
 * @throws CommandError BAD_COMMAND when a given one is none, or taken
 */
export async function portFor(folder: string, given: string | undefined): Promise<number> {
  const taken = await takenPorts(folder)
  if (given === undefined) {
    const free = PORTS.find((port) => !taken.has(port))
    if (free !== undefined) return free
    throw badCommand('every port from 9100 to 9899 is taken', 'Give one with --port.')
  }
  const port = Number(given)
  if (!/^\d+$/.test(given) || port < 1 || port > 65_535) {
    throw badCommand(`--port is "${given}"; allowed are 1 to 65535`, 'For example: --port 9100.')
  }
  const by = taken.get(port)
  if (by === undefined) return port
  const free = PORTS.find((one) => !taken.has(one))
  throw badCommand(
    `--port is ${port}, which ${by} has`,
    free === undefined ? 'Give another one.' : `${free} is free; without --port it is taken.`,
  )
}

/** By port, where it was found. */
async function takenPorts(folder: string): Promise<Map<number, string>> {
  const taken = new Map<number, string>()
  for (const parent of parentsOf(folder)) {
    const table = await readFile(join(parent, 'docs', 'ports.md'), 'utf8').catch(() => null)
    if (table === null) continue
    for (const [, port] of table.matchAll(/^\|\s*(\d{1,5})\s*\|/gm)) {
      taken.set(Number(port), relative(dirname(folder), join(parent, 'docs', 'ports.md')))
    }
    break
  }
  const beside = dirname(folder)
  for (const name of await readdir(beside).catch(() => [])) {
    const definition = await readFile(join(beside, name, 'service.ts'), 'utf8').catch(() => '')
    const port = /\bport: (\d+)/.exec(definition)?.[1]
    if (port !== undefined) taken.set(Number(port), join(name, 'service.ts'))
  }
  return taken
}

/** The nearest folder above that holds a file of such a name. */
export async function nearestWith(folder: string, file: RegExp): Promise<string | null> {
  for (const parent of parentsOf(folder)) {
    const names = await readdir(parent).catch(() => [])
    if (names.some((name) => file.test(name))) return parent
  }
  return null
}

/** From the nearest to the root. */
export function parentsOf(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [] : [parent, ...parentsOf(parent)]
}

function some(names: readonly string[]): string {
  const shown = [...names].sort().slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}
