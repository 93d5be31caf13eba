import { readdir } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Plan, resolvePlan } from '@banyan/migration'
import { CommandError } from './failure.ts'
import { nearest } from './nearest.ts'

export const DEFAULT_PLAN = './banyan.config.ts'

/**
 * The plan that a file exports as `default`: the plan itself, a promise of it, or a function that
 * answers either.
 *
 * @throws CommandError BAD_PLAN that says which file, what is wrong with it, and what to do.
 */
export async function loadPlan(given: string, cwd: string): Promise<Plan> {
  const path = resolve(cwd, given)
  await checkPresent(path, given, cwd)
  const exported = await load(path, given)
  const value: unknown =
    typeof exported === 'function' ? await (exported as () => unknown)() : await exported
  if (value === null || typeof value !== 'object' || !('extractions' in value)) {
    throw new CommandError(
      'BAD_PLAN',
      { where: given, reason: `its default export is ${describe(value)}, not a plan` },
      'Write: export default definePlan({ … }), with definePlan from "banyan"; "banyan init" makes one.',
    )
  }
  const plan = value as Plan
  resolvePlan(plan)
  return plan
}

async function load(path: string, given: string): Promise<unknown> {
  let module: { default?: unknown }
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    throw new CommandError(
      'BAD_PLAN',
      { where: given, reason: `it cannot be loaded: ${(error as Error).message}` },
      `Correct the file; to see the whole error: node --import tsx ${given}`,
    )
  }
  // In a folder whose package is CommonJS, the default export arrives one level deeper.
  const { default: first } = module
  const inner = first as { __esModule?: boolean; default?: unknown } | undefined
  return inner?.__esModule ? inner.default : first
}

async function checkPresent(path: string, given: string, cwd: string): Promise<void> {
  const there = await readdir(dirname(path)).catch(() => null)
  if (there?.includes(basename(path))) return
  const folder = there ?? []
  const close = nearest(basename(path), folder)
  const found = close ? join(dirname(path), close) : (await findPlans(cwd))[0]
  throw new CommandError(
    'BAD_PLAN',
    { where: given, reason: there ? 'there is no such file' : 'there is no such folder' },
    found
      ? `Did you mean --config ${relative(cwd, found) || found}?`
      : 'Give the path of the plan with --config, or run the command where banyan.config.ts is; "banyan init" makes one.',
  )
}

/** Plans in the folders below, two levels deep: mostly the command was run at the top of a repository. */
async function findPlans(folder: string, depth = 3): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const found = entries
    .filter((entry) => entry.isFile() && /^banyan\.config\.[cm]?[jt]s$/.test(entry.name))
    .map((entry) => join(folder, entry.name))
  if (found.length > 0 || depth === 1) return found
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || entry.name === 'node_modules')
      continue
    const below = await findPlans(join(folder, entry.name), depth - 1)
    if (below.length > 0) return below
  }
  return []
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`
}
