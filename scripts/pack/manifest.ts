import { join } from 'node:path'
import { type Manifest, ownName, type Workspace } from './workspace.ts'

/** What a plan, and what `banyan new service` makes, may import. */
const PUBLISHED = ['service', 'bus', 'durable', 'contracts', 'postgres', 'objects', 'gateway']
/** For the packages' own tests. */
const INNER = /conformance|model/

/** Types that ours name. */
const TYPES = ['@types/node', '@types/pg']

export interface Packed {
  readonly manifest: object
  /** Sources that can be imported from outside, below the packages' folder. */
  readonly entries: readonly string[]
}

/** One package of all: `banyan` itself, and the others as `banyan/NAME`. */
export function packedManifest(workspace: Workspace, names: readonly string[]): Packed {
  const { name, version, license, engines } = workspace.manifest('cli')
  const entries = new Map([['.', 'cli/src/index.ts']])
  for (const one of PUBLISHED.filter((published) => names.includes(published))) {
    for (const [path, file] of Object.entries(workspace.manifest(one).exports)) {
      if (!INNER.test(path)) entries.set(`./${join(one, path)}`, join(one, file))
    }
  }
  const root = JSON.parse(workspace.read('../package.json')) as Manifest & {
    readonly description: string
    readonly devDependencies: Readonly<Record<string, string>>
  }
  const types = Object.fromEntries(TYPES.map((one) => [one, root.devDependencies[one]!]))
  const manifest = {
    ...{ name, version, description: root.description, license, type: 'module', engines },
    bin: { banyan: './cli/bin/banyan.js' },
    exports: Object.fromEntries([...entries].map(([path, file]) => [path, conditionsOf(file)])),
    dependencies: { ...dependenciesOf(workspace, names), ...types },
  }
  return { manifest, entries: [...entries.values()] }
}

function conditionsOf(file: string) {
  const bare = `./${file.replace(/\.ts$/, '')}`
  return { types: `${bare}.d.ts`, default: `${bare}.js` }
}

/** @throws Error when two packages want different versions of a third */
function dependenciesOf(workspace: Workspace, names: readonly string[]): Record<string, string> {
  const all = new Map<string, string>()
  for (const name of names) {
    for (const [other, range] of Object.entries(workspace.manifest(name).dependencies ?? {})) {
      if (ownName(other) !== null) continue
      const before = all.get(other)
      if (before !== undefined && before !== range) {
        throw new Error(`${other} is wanted as ${before} and, by ${name}, as ${range}`)
      }
      all.set(other, range)
    }
  }
  return Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)))
}
