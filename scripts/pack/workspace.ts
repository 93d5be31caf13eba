import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly engines: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The command is published under its own name; the others are parts of it. */
const COMMAND = 'cli'

/** The packages of the repository, by the name of their folder. */
export class Workspace {
  readonly folder: string

  constructor(root: string) {
    this.folder = join(root, 'packages')
  }

  manifest(name: string): Manifest {
    return JSON.parse(readFileSync(join(this.folder, name, 'package.json'), 'utf8'))
  }

  /** The command and all that it depends on. */
  needed(name = COMMAND, found = new Set<string>()): Set<string> {
    if (found.has(name)) return found
    found.add(name)
    for (const other of Object.keys(this.manifest(name).dependencies ?? {})) {
      const own = ownName(other)
      if (own !== null) this.needed(own, found)
    }
    return found
  }

  /** The file that an import means: its path below the folder; null when it is not ours. */
  resolve(specifier: string, from: string): string | null {
    if (specifier.startsWith('.')) {
      return relative(this.folder, resolve(this.folder, dirname(from), specifier))
    }
    const [scope, name, ...rest] = specifier.split('/')
    if (scope !== '@banyan' || name === undefined) return null
    const target = this.manifest(name).exports[['.', ...rest].join('/')]
    if (target === undefined) throw new Error(`${from}: ${specifier} is not exported`)
    return join(name, target)
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8')
  }

  has(path: string): boolean {
    return existsSync(join(this.folder, path))
  }
}

/** `@banyan/NAME` → NAME; null for what is somebody else's. */
export function ownName(dependency: string): string | null {
  return dependency.startsWith('@banyan/') ? dependency.slice('@banyan/'.length) : null
}

/** What stands between quotes where a module is named: `from '…'`, `import('…')`, `import '…'`; not in a comment. */
const SPECIFIER = /(\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(["'])([^"'\n]+)\2/g

export function specifiersOf(text: string): string[] {
  const found: string[] = []
  withSpecifiers(text, (specifier) => {
    found.push(specifier)
    return specifier
  })
  return found
}

export function withSpecifiers(text: string, change: (specifier: string) => string): string {
  return text
    .split('\n')
    .map((line) => (/^\s*(\*|\/[/*])/.test(line) ? line : line.replace(SPECIFIER, replacing)))
    .join('\n')

  function replacing(_: string, before: string, mark: string, given: string): string {
    return `${before}${mark}${change(given)}${mark}`
  }
}
