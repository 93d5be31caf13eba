/**
 * Holds the imports of the repository against its floors (docs/architecture.md). A package imports only
 * from lower floors and only through another package's `exports`; a service never imports another
 * service; a monolith imports nothing of ours; no noun of a system stands in packages/.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')

/** From the ground; packages on one floor do not import each other, but where a later line says so. */
const FLOORS = [
  ['contracts'],
  ['postgres'],
  ['durable', 'replication', 'gateway', 'objects'],
  ['bus'],
  ['service'],
  ['migration'],
  ['console'],
  ['cli'],
  ['lab'],
]

/** The command is published under its own name. */
const PACKAGE_NAMES: Record<string, string> = { banyan: 'cli' }

/** Nouns of the systems: a toolkit that knows them works for nobody else. */
const SYSTEM_NOUNS = /\b(lego|wishlist|moc|mocs|brick|cerebrum|academy|course|gallery)\b/i

const problems: string[] = []

for (const file of sources(join(ROOT, 'packages'))) checkPackageFile(file)
for (const file of sources(join(ROOT, 'systems'))) checkSystemFile(file)

if (problems.length > 0) {
  console.error(problems.join('\n'))
  console.error(`${problems.length} violations of the floors`)
  process.exit(1)
}
console.log('floors: every import goes down')

function checkPackageFile(file: string): void {
  const path = relative(ROOT, file)
  const own = path.split(sep)[1]!
  const text = readFileSync(file, 'utf8')
  text.split('\n').forEach((line, i) => {
    const noun = SYSTEM_NOUNS.exec(line)
    if (noun) problems.push(`${path}:${i + 1}: "${noun[0]}" is a noun of a system`)
  })
  for (const { specifier, line } of imports(text)) {
    const at = `${path}:${line}`
    if (specifier.startsWith('.')) {
      const target = relative(join(ROOT, 'packages', own), resolve(dirname(file), specifier))
      if (target.startsWith('..')) problems.push(`${at}: ${specifier} reaches into another package`)
      continue
    }
    const other = packageOf(specifier)
    if (other === null || other === own) continue
    if (!exportsOf(other).has(subpathOf(specifier))) {
      problems.push(`${at}: ${specifier} goes past the exports of its package`)
    }
    if (floorOf(other) >= floorOf(own)) {
      problems.push(`${at}: ${own} must not import ${other}: it is not on a lower floor`)
    }
  }
}

function checkSystemFile(file: string): void {
  const path = relative(ROOT, file)
  const [, , room, ...rest] = path.split(sep)
  for (const { specifier, line } of imports(readFileSync(file, 'utf8'))) {
    const at = `${path}:${line}`
    const target = specifier.startsWith('.')
      ? relative(ROOT, resolve(dirname(file), specifier))
      : ''
    if (room === 'monolith' && !path.endsWith('.test.ts')) {
      const outside = target !== '' && !target.split(sep).includes('monolith')
      if (packageOf(specifier) !== null || outside) {
        problems.push(`${at}: a monolith imports nothing of ours (${specifier})`)
      }
    }
    if (room === 'services' && target.split(sep)[2] === 'services') {
      const [, , , service, part] = target.split(sep)
      const published = part === 'client.ts' || part === 'events.ts'
      if (service !== rest[0] && !published) {
        problems.push(
          `${at}: a service imports only another's client.ts and events.ts (${specifier})`,
        )
      }
    }
  }
}

function packageOf(specifier: string): string | null {
  const name = /^@banyan\/([^/]+)/.exec(specifier)?.[1]
  return name ?? PACKAGE_NAMES[specifier.split('/')[0]!] ?? null
}

/** `.` for a package itself, `./NAME` for one of its further entries. */
function subpathOf(specifier: string): string {
  return ['.', ...specifier.split('/').slice(specifier.startsWith('@') ? 2 : 1)].join('/')
}

function exportsOf(name: string): Set<string> {
  const manifest = readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')
  return new Set(Object.keys((JSON.parse(manifest) as { exports?: object }).exports ?? {}))
}

function floorOf(name: string): number {
  const floor = FLOORS.findIndex((names) => names.includes(name))
  if (floor === -1) problems.push(`packages/${name} stands on no floor (scripts/layers.ts)`)
  return floor
}

function imports(text: string): { specifier: string; line: number }[] {
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)(['"])([^'"\n]+)\1/gm)
  return [...found].map((match) => ({
    specifier: match[2]!,
    line: text.slice(0, match.index).split('\n').length,
  }))
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|js|sql)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'))
}
