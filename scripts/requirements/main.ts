/**
 * Lists each requirement of a system's document with the executed tests, scripts and measurements that show
 * it; ends with 1 while one is missing. The list is `systems/SYSTEM/requirements.ts`.
 *
 *     npm run check:requirements -- --system NAME [--report FILE]… [--figures NAME=FILE]… [--tests-alone] [--json FILE]
 *
 * With `--report` no test is run: FILE is what vitest's JSON reporter wrote, of a run just made. Measurements take
 * longer than anybody waits for a check: their reports are given, or stand in `systems/SYSTEM/figures/NAME.json`. With
 * `--tests-alone` none that stands there is looked at, and what only has to be measured is counted apart.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { folderOf } from '../servers/server.ts'
import {
  checkList,
  type Executed,
  type FigureReport,
  judge,
  keyOfTest,
  type TestReport,
  type Verdict,
} from './judge.ts'
import type { Evidence, Requirement } from './requirement.ts'

const ROOT = resolve(import.meta.dirname, '..', '..')

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function main(args: readonly string[]): Promise<number> {
  const { system, report, figures, json, 'tests-alone': testsAlone } = readArguments(args)
  const requirements = await requirementsOf(system)
  const evidence = requirements.flatMap(({ shownBy = [] }) => shownBy)
  const files = [...new Set(evidence.flatMap((one) => (one.kind === 'test' ? [one.file] : [])))]
  // Before anything that takes minutes.
  const measured = await readFigures(system, evidence, figures, testsAlone)
  const reports = report.length > 0 ? await readReports(report) : await runTests(files)
  const verdicts = judge(requirements, {
    tests: statusesOf(reports),
    scripts: runScripts(evidence),
    figures: measured,
  })
  print(verdicts)
  const count = (state: Verdict['state']) => verdicts.filter((one) => one.state === state).length
  const [shown, deferred] = [count('shown'), count('deferred')]
  const unmeasured = testsAlone ? count('unmeasured') : 0
  const missing = count('missing') + count('unmeasured') - unmeasured
  const apart = testsAlone ? `, ${unmeasured} left to be measured` : ''
  console.log(
    `${verdicts.length} requirements: ${shown} shown, ${deferred} deferred${apart}, ${missing} missing`,
  )
  if (json !== undefined) {
    const written = { system, shown, deferred, unmeasured, missing, requirements: verdicts }
    await writeFile(json, `${JSON.stringify(written, null, 2)}\n`)
  }
  return missing === 0 ? 0 : 1
}

function readArguments(args: readonly string[]) {
  const multiple = { type: 'string', multiple: true, default: [] as string[] } as const
  const options = {
    system: { type: 'string' },
    report: multiple,
    figures: multiple,
    'tests-alone': { type: 'boolean', default: false },
    json: { type: 'string' },
  } as const
  try {
    const { system, ...rest } = parseArgs({
      args: [...args],
      options,
      allowPositionals: false,
    }).values
    if (system === undefined)
      throw new Error('--system is not given: the name of a folder of systems/')
    return { system, ...rest }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function requirementsOf(system: string): Promise<readonly Requirement[]> {
  const file = join(ROOT, 'systems', system, 'requirements.ts')
  if (!/^[a-z][a-z0-9-]*$/.test(system) || !existsSync(file)) {
    throw new UsageError(`--system is "${system}"; there is no systems/${system}/requirements.ts`)
  }
  const { requirements } = (await import(file)) as { requirements: readonly Requirement[] }
  checkList(requirements)
  return requirements
}

/** What a report tells of a file that was changed after it is left out: that was another test. */
async function readReports(files: readonly string[]): Promise<readonly TestReport[]> {
  const reports: TestReport[] = []
  for (const file of files) {
    const report = (await readJson(file, '--report')) as TestReport
    if (!Array.isArray(report?.testResults)) {
      throw new UsageError(`--report ${file} is not what vitest's JSON reporter writes`)
    }
    const changed = ({ name }: TestReport['testResults'][number]) =>
      !existsSync(name) || statSync(name).mtimeMs > report.startTime
    for (const { name } of report.testResults.filter(changed)) {
      console.error(`${file} is older than ${name}, which therefore counts as not run`)
    }
    reports.push({ ...report, testResults: report.testResults.filter((one) => !changed(one)) })
  }
  return reports
}

/** Runs the files of tests, those that need real servers with the servers. */
async function runTests(files: readonly string[]): Promise<readonly TestReport[]> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-requirements-'))
  try {
    const there = files.filter((file) => existsSync(join(ROOT, file)))
    const needServers = there.filter((file) => file.endsWith('.servers.test.ts'))
    const others = there.filter((file) => !needServers.includes(file))
    const out = join(folder, 'report.json')
    if (others.length > 0) {
      run('npx', ['vitest', 'run', ...others, '--reporter=json', `--outputFile=${out}`])
    }
    const served = folderOf('report.json')
    await rm(served, { force: true })
    if (needServers.length > 0) {
      run(process.execPath, ['--import', 'tsx', 'scripts/test-servers.ts', ...needServers])
    }
    const made = [out, served].filter((file) => existsSync(file))
    return await readReports(made)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function statusesOf(reports: readonly TestReport[]): Executed['tests'] {
  const tests = new Map<string, string[]>()
  for (const { name, assertionResults } of reports.flatMap((report) => report.testResults)) {
    const file = relative(ROOT, name).split(sep).join('/')
    for (const { title, status } of assertionResults) {
      const key = keyOfTest(file, title)
      tests.set(key, [...(tests.get(key) ?? []), status])
    }
  }
  return tests
}

function runScripts(evidence: readonly Evidence[]): Executed['scripts'] {
  const names = new Set(evidence.flatMap((one) => (one.kind === 'script' ? [one.script] : [])))
  return new Map([...names].map((name) => [name, run('npm', ['run', name]) === 0]))
}

/** What it prints goes to stderr: stdout is the list. */
function run(file: string, args: readonly string[]): number | null {
  console.error(`${file} ${args.slice(0, 3).join(' ')}${args.length > 3 ? ' …' : ''}`)
  return spawnSync(file, args, {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  }).status
}

/** @param testsAlone leaves out what stands in the folder of the system */
async function readFigures(
  system: string,
  evidence: readonly Evidence[],
  given: readonly string[],
  testsAlone: boolean,
): Promise<Executed['figures']> {
  const wanted = new Set(evidence.flatMap((one) => (one.kind === 'figure' ? [one.report] : [])))
  const files = new Map<string, string>()
  if (!testsAlone) {
    for (const name of wanted) {
      const file = join('systems', system, 'figures', `${name}.json`)
      if (existsSync(join(ROOT, file))) files.set(name, file)
    }
  }
  for (const one of given) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(one) ?? []
    if (!name || !file) throw new UsageError(`--figures is "${one}"; it must be NAME=FILE`)
    if (!wanted.has(name)) {
      throw new UsageError(`--figures names "${name}"; there are ${[...wanted].join(', ')}`)
    }
    files.set(name, file)
  }
  const reports = new Map<string, FigureReport>()
  for (const [name, file] of files) {
    reports.set(name, { file, content: await readJson(resolve(ROOT, file), '--figures') })
  }
  return reports
}

async function readJson(file: string, option: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be read: ${(error as Error).message}`)
  }
}

function print(verdicts: readonly Verdict[]): void {
  const width = Math.max(...verdicts.map(({ id }) => id.length)) + 2
  for (const { id, text, state, by, why } of verdicts) {
    console.log(
      `${id.padEnd(width)}${(state === 'missing' ? 'MISSING' : state).padEnd(10)}  ${text}`,
    )
    for (const one of by) console.log(`${''.padEnd(width + 12)}${one}`)
    for (const one of why) console.log(`${''.padEnd(width)}${'why'.padEnd(12)}${one}`)
  }
}
