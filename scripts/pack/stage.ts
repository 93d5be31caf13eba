import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { packedManifest } from './manifest.ts'
import { specifiersOf, Workspace, withSpecifiers } from './workspace.ts'

const BIN = 'cli/bin/banyan.js'
const MAIN = 'cli/src/main.ts'

/**
 * Writes the package as it is published into a folder: the packages side by side as they stand in the repository, each
 * source file as JavaScript with its types beside it, everything else (SQL, Lua, the console's page, templates) as it is.
 */
export async function stage(root: string, to: string): Promise<void> {
  const workspace = new Workspace(root)
  const names = [...workspace.needed()].sort()
  const { manifest, entries } = packedManifest(workspace, names)
  const modules = await reachable(workspace, [MAIN, ...entries])
  for (const name of names) await copyRest(workspace, name, to)
  for (const [source, code] of modules) {
    await put(join(to, asJavaScript(source)), rewritten(workspace, code, source))
  }
  await writePages(workspace, names, to)
  await writeTypes(root, workspace, [...modules.keys()], to)
  await writeFile(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const bin = workspace.read(BIN).replace('../src/main.ts', '../src/main.js')
  await put(join(to, BIN), bin, 0o755)
  for (const file of ['LICENSE', 'README.md']) await cp(join(root, file), join(to, file))
}

/** Every source that these import when they run, and those in turn, as JavaScript by its path. */
async function reachable(
  workspace: Workspace,
  entries: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const ahead = [...entries]
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (found.has(next)) continue
    if (!workspace.has(next)) throw new Error(`${next} is imported, and not there`)
    const { code } = await transform(workspace.read(next), {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcefile: next,
    })
    found.set(next, code)
    for (const specifier of specifiersOf(code)) {
      const path = workspace.resolve(specifier, next)
      if (path !== null) ahead.push(path)
    }
  }
  return found
}

/** Imports by the path of the file that stands there now. */
function rewritten(workspace: Workspace, text: string, source: string): string {
  return withSpecifiers(text, (specifier) => {
    const path = workspace.resolve(specifier, source)
    return path === null ? specifier : pathTo(asJavaScript(path), source)
  })
}

function pathTo(path: string, from: string): string {
  const way = relative(dirname(from), path).replaceAll(sep, '/')
  return way.startsWith('.') ? way : `./${way}`
}

function asJavaScript(path: string): string {
  return path.replace(/\.ts$/, '.js')
}

/** What is no source of the package: read at run time, or handed out. */
async function copyRest(workspace: Workspace, name: string, to: string): Promise<void> {
  const folder = join(workspace.folder, name)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = relative(folder, join(entry.parentPath, entry.name))
    const [room] = path.split(sep)
    if (!entry.isFile() || path.split(sep).includes('node_modules') || room === 'example') continue
    const template = room === 'templates'
    const page = room === 'page' && !/\.test\.tsx?$/.test(path)
    const data = ['sql', 'src'].includes(room!) && !/\.(ts|tsx|md)$/.test(path)
    if (!template && !page && !data) continue
    const text = await readFile(join(folder, path))
    // Services that are made from it import the one package that is published.
    const given = template ? text.toString().replaceAll("'@banyan/", "'banyan/") : text
    await put(join(to, name, path), given)
  }
}

/** Pages are bundled where they run; of the packages they take what was written beside them. */
async function writePages(
  workspace: Workspace,
  names: readonly string[],
  to: string,
): Promise<void> {
  for (const name of names) {
    const folder = join(to, name, 'page')
    const entries = await readdir(folder, { recursive: true }).catch(() => [])
    for (const path of entries.filter((one) => /\.tsx?$/.test(one))) {
      const source = join(name, 'page', path)
      const text = withSpecifiers(workspace.read(source), (specifier) => {
        const target = workspace.resolve(specifier, source)
        if (target === null || target.startsWith(join(name, 'page'))) return specifier
        return pathTo(asJavaScript(target), source)
      })
      await put(join(to, source), text)
    }
  }
}

/** Sources, and what they import for its types alone: the compiler writes of that only what it is told to, or some of it. */
function withTypesOf(workspace: Workspace, sources: readonly string[]): string[] {
  const found = new Set(sources)
  // A set goes on with what is added to it meanwhile.
  for (const source of found) {
    for (const specifier of specifiersOf(workspace.read(source))) {
      const path = workspace.resolve(specifier, source)
      if (path !== null && workspace.has(path)) found.add(path)
    }
  }
  return [...found]
}

async function writeTypes(
  root: string,
  workspace: Workspace,
  sources: readonly string[],
  to: string,
): Promise<void> {
  const project = join(to, 'tsconfig.json')
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, incremental: false },
    ...{
      rootDir: workspace.folder,
      outDir: to,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    },
  }
  const files = withTypesOf(workspace, sources)
    .filter((one) => one.endsWith('.ts'))
    .map((one) => join(workspace.folder, one))
  await writeFile(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files }),
  )
  await promisify(execFile)('npx', ['tsc', '-p', project], { cwd: root })
  await rm(project)
  // Of what is imported for its types alone too.
  for (const path of await readdir(to, { recursive: true })) {
    if (!path.endsWith('.d.ts')) continue
    const text = await readFile(join(to, path), 'utf8')
    await put(join(to, path), rewritten(workspace, text, path))
  }
}

async function put(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content, { mode })
}
