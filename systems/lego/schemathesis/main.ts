/**
 * Asks every service of this system what its OpenAPI document allows, and what it does not, with
 * schemathesis: fails for an answer of 5xx, and for one that the document does not describe.
 *
 *     npm run test:schemathesis -- [--seed N] [--examples N] [--service NAME]
 */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { installPython } from '../../../scripts/servers/python.ts'
import { folderOf } from '../../../scripts/servers/server.ts'
import { type Flag, helpText, readFlags, UsageError, wholeNumber } from '../../options.ts'
import { type AskableService, startEveryService } from '../testing/every-service.ts'

const REQUIREMENTS = join(import.meta.dirname, 'schemathesis.requirements.txt')

const FLAGS: readonly Flag[] = [
  { name: 'seed', value: 'N', text: 'the requests of a former run' },
  { name: 'examples', value: 'N', text: 'made-up requests for each route; 25 if left out' },
  { name: 'service', value: 'NAME', text: 'only this one' },
]

/**
 * What an answer is held against. Left out is whether a request that the document forbids is refused:
 * services that answer as the monolith does are as lenient as it is.
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
]

interface Outcome {
  readonly name: string
  readonly code: number | null
  readonly seconds: number
}

const startedAt = Date.now()
try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function main(args: readonly string[]): Promise<boolean> {
  const given = readFlags(args, FLAGS)
  if (given.help) {
    console.log(
      helpText('npm run test:schemathesis', 'Asks every service what it documents', FLAGS),
    )
    return true
  }
  const seed = wholeNumber(given, 'seed', randomInt(2 ** 31), 0)
  const examples = wholeNumber(given, 'examples', 25, 1)
  const programs = await installPython('schemathesis', REQUIREMENTS)
  const { services, stop } = await startEveryService()
  try {
    const asked = chosen(services, given.service)
    console.log(`seed ${seed}`)
    const outcomes: Outcome[] = []
    for (const service of asked) {
      const before = Date.now()
      const code = await ask(join(programs, 'schemathesis'), service, seed, examples)
      outcomes.push({ name: service.name, code, seconds: (Date.now() - before) / 1000 })
    }
    return print(outcomes, seed)
  } finally {
    await stop()
  }
}

function chosen(services: readonly AskableService[], name: unknown): readonly AskableService[] {
  if (name === undefined) return services
  const found = services.filter((one) => one.name === name)
  if (found.length > 0) return found
  const names = services.map((one) => one.name).join(', ')
  throw new UsageError(`--service is "${String(name)}"; allowed are ${names}`)
}

/** @returns the exit code: 0 when every answer was good */
async function ask(
  program: string,
  { name, url }: AskableService,
  seed: number,
  examples: number,
): Promise<number | null> {
  console.log(`\n${name}: ${url}/openapi.json`)
  const flags = {
    seed,
    checks: CHECKS.join(),
    'max-examples': examples,
    'request-timeout': 30,
    // Slow machines make slow examples, which is nothing to fail for.
    'suppress-health-check': 'all',
    'generation-database': 'none',
  }
  const options = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
  const child = spawn(
    program,
    ['run', `${url}/openapi.json`, '--continue-on-failure', '--no-color', ...options],
    { stdio: 'inherit', cwd: folderOf('schemathesis') },
  )
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
}

function print(outcomes: readonly Outcome[], seed: number): boolean {
  console.log('')
  for (const { name, code, seconds } of outcomes) {
    console.log(`${name.padEnd(12)}${code === 0 ? 'good' : 'FAILED'}  ${seconds.toFixed(1)} s`)
  }
  const failed = outcomes.filter(({ code }) => code !== 0)
  const all = `${outcomes.length} services, ${failed.length} failed, seed ${seed}`
  console.log(`${all}, ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
  return outcomes.length > 0 && failed.length === 0
}
