/**
 * Puts the packages of other platforms back into package-lock.json. npm leaves an optional package out of
 * the lock when its registry does not have it (a mirror, a platform not yet published), and then
 * `npm ci` refuses the whole lock as incomplete. Run after `npm install` has changed the lock.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const SYSTEMS = 'aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32'
const CPUS = 'arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32|x64'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> }
const { packages } = lock
const added: string[] = []

for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
    if (places.some((place) => place in packages)) continue
    packages[`node_modules/${name}`] = platformEntry(name, version, entry.dev)
    added.push(name)
  }
}

const sorted = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
console.log(added.length > 0 ? `added ${added.join(', ')}` : 'the lock is complete')

/** What such a package's own manifest says, as far as its name tells. */
function platformEntry(name: string, version: string, dev: boolean | undefined): Entry {
  const os = new RegExp(`\\b(${SYSTEMS})\\b`).exec(name)?.[1]
  const cpu = new RegExp(`\\b(${CPUS})\\b`).exec(name)?.[1]
  return {
    version: version.replace(/^[~^]/, ''),
    ...(dev ? { dev } : {}),
    optional: true,
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(os ? { os: [os] } : {}),
    ...(name.includes('musl') ? { libc: ['musl'] } : {}),
  }
}
