import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nearestWith, parentsOf } from './place.ts'
import type { TemplateFile } from './template.ts'

/**
 * A file that came to be meanwhile is not written over.
 *
 * @param mode who may read and write them
 * @throws Error EEXIST
 */
export async function writeFiles(
  folder: string,
  files: readonly TemplateFile[],
  mode = 0o666,
): Promise<void> {
  for (const { path, text } of files) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text, { flag: 'wx', mode })
  }
}

/**
 * Lines break, and imports sort, by the length and the letters of names: where the project has Biome, it
 * puts them as the project wants them.
 *
 * @returns whether Biome, if there is one, is content
 */
export async function format(folder: string): Promise<boolean> {
  const biome = await biomeOf(folder)
  if (biome === null) return true
  try {
    // In the folder itself, so that the configuration above it is found.
    await promisify(execFile)(process.execPath, [biome, 'check', '--write', '.'], { cwd: folder })
    return true
  } catch {
    return false
  }
}

/** Where nothing says how the project wants it, Biome would put it as nobody wants it. */
async function biomeOf(folder: string): Promise<string | null> {
  if ((await nearestWith(folder, /^\.?biome\.jsonc?$/)) === null) return null
  try {
    return createRequire(join(folder, 'service.ts')).resolve('@biomejs/biome/bin/biome')
  } catch {
    return null
  }
}

/** The nearest folder above whose Vitest would run the tests; its settings say which files are tests. */
export function testRootOf(folder: string): Promise<string | null> {
  return nearestWith(folder, /^(vitest|vite)\.config\.[cm]?[jt]s$/)
}

/** What the files import and no package.json above them names. */
export async function missingPackages(
  folder: string,
  files: readonly TemplateFile[],
): Promise<string[]> {
  const named = new Set<string>()
  for (const parent of parentsOf(folder)) {
    const text = await readFile(join(parent, 'package.json'), 'utf8').catch(() => null)
    if (text === null) continue
    const { dependencies, devDependencies } = JSON.parse(text) as Record<string, object | undefined>
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) named.add(name)
  }
  return packagesOf(files).filter((name) => !named.has(name))
}

/** Of `drizzle-orm/pg-core` it is `drizzle-orm`. */
function packagesOf(files: readonly TemplateFile[]): string[] {
  const imports = files
    .filter(({ path }) => path.endsWith('.ts'))
    .flatMap(({ text }) => [...text.matchAll(/^(?:import|export|\}).* from '([^'.][^':]*)'$/gm)])
    .map(([, specifier]) => /^(@[^/]+\/)?[^/]+/.exec(specifier!)![0])
  return [...new Set(imports)].sort()
}
