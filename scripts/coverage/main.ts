/**
 * How many lines of each service of a system its tests execute, in the tests' own processes and in those
 * that they start; ends with 1 where a service is below 80 %, or a test fails.
 *
 *     npm run test:coverage -- --system NAME [--servers] [--json FILE] [--missed] [tests…]
 *
 * Without `--servers` those are the tests that `npm test` runs: what talks to OpenSearch, S3 or ClamAV is tested on the
 * real ones, whose tests are counted with it. Where only some tests are named, no service is judged.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type Coverage,
  coverageOf,
  type FileHits,
  type IstanbulFile,
  linesOf,
  withProcesses,
} from './lines.ts'
import { hitsOfProcesses } from './processes.ts'

const ROOT = resolve(import.meta.dirname, '..', '..')
/** Of lines, percent: what the product documents ask for. */
const LEAST = 80

/** What no user of a service runs: tests, what they are made of, and commands that check its data. */
const ASIDE = ['*.test.ts', '*-conformance.ts', 'testing/**', 'fixtures/**', 'check/**']

interface Way {
  readonly name: string
  /** What runs vitest with the arguments behind it. */
  readonly command: readonly [string, ...string[]]
}
/** The tests that `npm test` has. */
const PLAIN: Way = { name: 'plain', command: ['npx', 'vitest', 'run'] }
/** Those that need real servers. */
const WITH_SERVERS: Way = {
  name: 'servers',
  command: [process.execPath, '--import', 'tsx', 'scripts/test-servers.ts'],
}

/** Its message says all that there is to say. */
class PlainError extends Error {}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof PlainError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function main(): Promise<number> {
  const { system, servers, json, missed, tests } = readArguments()
  const services = join(ROOT, 'systems', system, 'services')
  if (!/^[a-z][a-z0-9-]*$/.test(system) || !existsSync(services)) {
    throw new PlainError(`--system is "${system}"; there is no systems/${system}/services`)
  }
  const folder = await mkdtemp(join(tmpdir(), 'banyan-coverage-'))
  try {
    const chosen = tests.length > 0 ? tests : [`systems/${system}/`]
    const ways = servers ? [PLAIN, WITH_SERVERS] : [PLAIN]
    let files: FileHits = new Map()
    let status = 0
    for (const way of ways) {
      const measured = await measure(way, chosen, services, join(folder, way.name))
      files = way === PLAIN ? measured.files : withProcesses(files, measured.files)
      status ||= measured.status
    }
    const rows = readdirSync(services).map((name) => {
      const own = [...files].filter(([file]) => file.startsWith(join(services, name) + sep))
      return { name, files: own, ...coverageOf(own.map(([, lines]) => lines)) }
    })
    print(rows)
    if (missed) for (const { files: own } of rows) printMissed(own)
    if (json !== undefined) {
      const figures = rows.map(({ name, lines, covered, percent }) => ({
        ...{ name, lines, covered },
        percent: Number(percent.toFixed(1)),
      }))
      await writeFile(
        json,
        `${JSON.stringify({ system, least: LEAST, services: figures }, null, 2)}\n`,
      )
    }
    if (status !== 0) console.log(`the tests ended with ${status}`)
    if (tests.length > 0) return status
    const below = rows.filter(({ percent }) => percent < LEAST)
    console.log(
      below.length === 0
        ? `every service has ${LEAST} % of its lines or more`
        : `below ${LEAST} %: ${below.map(({ name }) => name).join(', ')}`,
    )
    return status === 0 && below.length === 0 ? 0 : 1
  } finally {
    await rm(folder, { recursive: true })
  }
}

function readArguments() {
  const options = {
    system: { type: 'string' },
    servers: { type: 'boolean', default: false },
    json: { type: 'string' },
    missed: { type: 'boolean', default: false },
  } as const
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    const { system, servers, json, missed } = values
    if (system === undefined) throw new Error('--system is not given: a folder of systems/')
    return { system, servers, json, missed, tests: positionals }
  } catch (error) {
    throw new PlainError((error as Error).message)
  }
}

async function measure(
  { name, command: [program, ...before] }: Way,
  tests: readonly string[],
  services: string,
  folder: string,
): Promise<{ status: number; files: FileHits }> {
  const raw = join(folder, 'processes')
  await mkdir(raw, { recursive: true })
  const within = relative(ROOT, services).split(sep).join('/')
  const { status } = spawnSync(
    program,
    [
      ...[...before, ...tests, '--coverage.enabled'],
      ...['--coverage.reporter=json', `--coverage.reportsDirectory=${join(folder, 'tests')}`],
      '--coverage.reportOnFailure',
      `--coverage.include=${within}/**/*.ts`,
      ...ASIDE.map((one) => `--coverage.exclude=${within}/**/${one}`),
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
      // Of the processes that tests start; the tests' own are vitest's to look at.
      env: { ...process.env, BANYAN_COVERAGE: raw },
    },
  )
  const text = await readFile(join(folder, 'tests', 'coverage-final.json'), 'utf8').catch(() => {
    throw new PlainError(`${name}: no test has run; what stands above says why`)
  })
  const report = JSON.parse(text) as Readonly<Record<string, IstanbulFile>>
  const known = new Map(Object.entries(report).map(([file, one]) => [file, linesOf(one)]))
  return {
    status: status ?? 1,
    files: withProcesses(
      known,
      hitsOfProcesses(raw, (file) => known.has(file)),
    ),
  }
}

function print(rows: readonly (Coverage & { readonly name: string })[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length))
  console.log(`${'service'.padEnd(width)}   lines  covered       %`)
  for (const { name, lines, covered, percent } of rows) {
    const figures = [
      String(lines).padStart(8),
      String(covered).padStart(9),
      percent.toFixed(1).padStart(8),
    ]
    console.log(`${name.padEnd(width)}${figures.join('')}`)
  }
}

/** Each file with the lines that nothing executed, as ranges. */
function printMissed(files: readonly (readonly [string, ReadonlyMap<number, number>])[]): void {
  for (const [file, lines] of files) {
    const none = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
    if (none.length === 0) continue
    console.log(`${relative(ROOT, file)} (${none.length}): ${none.sort((a, b) => a - b).join(' ')}`)
  }
}
