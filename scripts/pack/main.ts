/**
 * `npm run pack`: makes `dist/banyan-VERSION.tgz`, the command with all packages it needs, as it would be published
 * (docs/decisions/072-one-package.md).
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { stage } from './stage.ts'

const ROOT = resolve(import.meta.dirname, '../..')

const given = process.argv.slice(2)
if (given.length > 0 && (given[0] !== '--to' || given.length !== 2)) {
  console.error(`given: ${given.join(' ')}; allowed is --to FOLDER`)
  process.exit(2)
}
const to = resolve(given[1] ?? join(ROOT, 'dist'))

const staging = await mkdtemp(join(tmpdir(), 'banyan-pack-'))
try {
  await stage(ROOT, staging)
  await mkdir(to, { recursive: true })
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', to],
    { cwd: staging, maxBuffer: 64 * 1024 * 1024 },
  )
  const { name, version } = JSON.parse(await readFile(join(staging, 'package.json'), 'utf8'))
  const size = /"size": (\d+)/.exec(stdout)?.[1]
  console.log(`${join(to, `${name}-${version}.tgz`)} (${Math.round(Number(size) / 1024)} kB)`)
} finally {
  await rm(staging, { recursive: true })
}
