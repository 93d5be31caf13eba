/**
 * Runs what needs real servers (`*.servers.test.ts`): installs and starts them, runs the tests, prints
 * how many passed for each transport and server, and stops what it started. A server that cannot be had is a failure.
 * `npm run test:servers -- [files…]`
 */
import { spawnSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { SERVERS } from './servers/all.ts'
import { start, stop } from './servers/control.ts'
import { aptInstall, findProgram } from './servers/debian.ts'
import { folderOf, type Server } from './servers/server.ts'

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      /** The descriptions it stands in, outermost first. */
      readonly ancestorTitles: readonly string[]
    }[]
  }[]
}

interface Row {
  passed: number
  failed: number
  skipped: number
}

/** Programs that tests start by themselves; each is a Debian package of its name. */
const PROGRAMS = ['haproxy']

const REPORT = folderOf('report.json')
const started: Server[] = []
const began = Date.now()
let exitCode = 1
try {
  for (const program of PROGRAMS) {
    if (!(await findProgram(program))) await aptInstall([program])
  }
  for (const server of SERVERS) {
    const before = Date.now()
    await server.install()
    const how = await start(server)
    if (how === 'started') started.push(server)
    console.log(`${server.name} ${how} (${seconds(before)} s): ${server.variable}=${server.url}`)
  }
  exitCode = await runTests()
} catch (error) {
  console.error((error as Error).message)
} finally {
  for (const server of started) await stop(server)
}
process.exit(exitCode)

async function runTests(): Promise<number> {
  await rm(REPORT, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${REPORT}`]
  const urls = SERVERS.map(({ variable, url }) => [variable, url])
  const { status } = spawnSync('npx', ['vitest', 'run', ...reporters, ...process.argv.slice(2)], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, BANYAN_SERVERS: '1', ...Object.fromEntries(urls) },
  })
  const total = printTable(JSON.parse(await readFile(REPORT, 'utf8')) as Report)
  console.log(`${seconds(began)} s with installing and starting`)
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  // Nothing that was asked for may be passed over: a skipped test is a server nobody looked at.
  const good = status === 0 && total.passed > 0 && total.failed === 0 && total.skipped === 0
  return good ? 0 : 1
}

function printTable(report: Report): Row {
  const total: Row = { passed: 0, failed: 0, skipped: 0 }
  const rows = new Map<string, Row>()
  const count = (of: string, kind: keyof Row) => {
    const row = rows.get(of) ?? { passed: 0, failed: 0, skipped: 0 }
    rows.set(of, row)
    row[kind]++
    total[kind]++
  }
  for (const { name, message, assertionResults } of report.testResults) {
    const file = basename(name).replace(/(\.servers)?\.test\.ts$/, '')
    for (const { status, ancestorTitles } of assertionResults) {
      const kind = status === 'passed' || status === 'failed' ? status : 'skipped'
      count(ancestorTitles[0] || file, kind)
    }
    // A file that could not be loaded holds no test that could have failed.
    if (assertionResults.length === 0 && message !== '') count(file, 'failed')
  }
  const width = Math.max(...[...rows.keys()].map(({ length }) => length))
  console.log(`\n${''.padEnd(width)} passed  failed  skipped`)
  for (const [of, { passed, failed, skipped }] of [...rows].sort()) {
    const figures = [passed, failed, skipped].map((n, i) => String(n).padStart([7, 8, 9][i]!))
    console.log(`${of.padEnd(width)}${figures.join('')}`)
  }
  return total
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1)
}
