/**
 * Crosses majors of PostgreSQL: gets those that are missing, moves an application from each major to
 * another and back, and runs the replication suites on the oldest major alone; with `--all`, on each
 * but the newest, where `npm test` runs them.
 */
import { spawnSync } from 'node:child_process'
import { fetchMajor } from '@banyan/postgres'

const CROSSINGS = '14-18,15-17,16-18,18-14,14-15'
const MAJORS = [14, 15, 16, 17]
const ALONE = process.argv.includes('--all') ? MAJORS : MAJORS.slice(0, 1)
/** What asks the server for more than an application does. */
const SUITES = ['packages/replication', 'packages/migration/src/doctor']

for (const major of [13, ...MAJORS]) await fetchMajor(major)
vitest([], { BANYAN_CROSSINGS: CROSSINGS })
for (const major of ALONE) vitest(SUITES, { BANYAN_POSTGRES: String(major) })

function vitest(files: readonly string[], environment: Record<string, string>): void {
  console.log(Object.entries(environment).map(String).join(' '))
  const { status } = spawnSync('npx', ['vitest', 'run', ...files], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, ...environment },
  })
  if (status !== 0) process.exit(status ?? 1)
}
