import { exec } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeTerminal } from '../testing/fake-terminal.ts'
import { type Tried, tryService } from '../testing/tried-service.ts'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
/** As in a shell of somebody who types; what Vitest sets for this process is none of theirs. */
const ENV = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', PORT: '0' }

/** The repository's rules, for what is made alone. */
const TSCONFIG = '{ "extends": "../../../tsconfig.json", "include": ["services"] }\n'

interface Made {
  readonly folder: string
  readonly port: number
  readonly files: string[]
  readonly missing: string[]
  readonly formatted: boolean
  readonly next: [test: string, types: string, run: string]
}

async function make(cwd: string, ...args: string[]): Promise<Made> {
  const terminal = new FakeTerminal({ cwd })
  expect(await terminal.run('new', 'service', ...args, '--json'), terminal.err).toBe(0)
  return terminal.json as Made
}

async function refusal(cwd: string, ...args: string[]) {
  const terminal = new FakeTerminal({ cwd })
  expect(await terminal.run('new', 'service', ...args, '--json')).toBe(2)
  return `${terminal.problem.detail} ${terminal.problem.next}`
}

describe('a new service', () => {
  /** A system of this repository, so that its packages and its rules are those of the services here. */
  let system: string
  const typed = (command: string) =>
    promisify(exec)(command, { cwd: system, env: ENV }).catch(({ message, stdout }) => {
      throw new Error(`${message}\n${stdout}`)
    })
  beforeAll(async () => {
    system = await mkdtemp(join(PACKAGE, 'made-'))
    await writeFile(join(system, 'banyan.config.ts'), 'export default {}\n')
    // npx runs what is typed in the nearest folder that has one.
    await writeFile(join(system, 'package.json'), '{ "private": true, "type": "module" }\n')
    await writeFile(join(system, 'tsconfig.json'), TSCONFIG)
    // Ports of its own: which of this repository's are taken changes.
    await mkdir(join(system, 'docs'))
    await writeFile(join(system, 'docs/ports.md'), '| 9000 | gateway | `PORT` |\n')
  })
  afterAll(() => rm(system, { recursive: true, force: true }))

  it('passes the checks as it stands, whatever its names, and does what its tests say', async () => {
    const made = await make(system, 'billing', '--thing', 'fee')
    expect(made).toMatchObject({ folder: join(system, 'services/billing'), port: 9100 })
    expect(made).toMatchObject({ missing: [], formatted: true })
    // Names that put lines and imports in another order.
    const long = await make(system, 'customer-relationship-histories')
    expect(long).toMatchObject({ port: 9200, formatted: true })
    const [test, types, run] = made.next
    await Promise.all([
      typed('npx biome ci services'),
      typed(types),
      typed(test).then(({ stdout }) => expect(stdout).toContain('7 passed')),
    ])
    expect(await leftOver(made)).toEqual([])
    expect(await leftOver(long)).toEqual([])
    const tried = await tryService(run, system, ENV)
    try {
      await whatItAnswers(tried)
    } finally {
      await tried.end()
    }
    await expect(tried.ask('/health')).rejects.toThrow('fetch failed')
    // Compilers and servers of its own: on a busy machine longer than other tests.
  }, 300_000)
})

async function whatItAnswers(tried: Tried) {
  expect(await tried.ask('/health/ready')).toMatchObject({ body: { status: 'ready' } })
  const { body } = await tried.ask('/openapi.json')
  expect(Object.keys(body.paths ?? {})).toEqual(['/v1/fees', '/v1/fees/summary', '/v1/fees/{id}'])
  const added = await tried.ask('/v1/fees', { title: 'first' })
  expect(added.status).toBe(201)
  expect((await tried.ask('/v1/fees')).body.items).toEqual([added.body])
}

/** Lines in which the example's own names stand. */
async function leftOver({ folder, files }: Made): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  const lines = [...files, ...texts.join('\n').split('\n')]
  return lines.filter((line) => /back.?room|stored.?thing|9700/i.test(line))
}

describe('new service', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-new-'))
    await mkdir(join(folder, 'full'))
    await writeFile(join(folder, 'full/a.txt'), 'mine')
    await mkdir(join(folder, 'docs'))
    await writeFile(join(folder, 'docs/ports.md'), '| 9100 | orders | `PORT` |\n')
    await mkdir(join(folder, 'sub'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each([
    [['PriceAlerts'], '"PriceAlerts"; allowed are small letters', 'Did you mean "price-alerts"?'],
    [['x'.repeat(41)], 'at most 40 characters', 'For example'],
    [['a--b'], 'allowed are', 'Did you mean "a-b"?'],
    [['routes'], 'has a file routes.ts already', ''],
    [['pg-things'], 'PostgreSQL has a schema', 'my-pg-things'],
    [['alerts', '--thing', 'Price Alert'], '--thing is "Price Alert"', 'price-alert'],
    [['ledger', '--thing', 'transaction'], 'uses "Transaction" for something else', '--thing'],
    [['ledger', '--thing', 'tally'], 'uses "tallies" for something else', '--thing'],
    [['ledger', '--thing', 'migration'], 'every service has a table "migrations"', '--thing'],
    [['ledger', '--thing', 'x', '--things', 'references'], 'a word of SQL', '--thing'],
    [['ledger', '--thing', 'x', '--things', 'class'], 'a word of JavaScript', '--thing'],
    [['ledger', '--folder', 'full'], 'full holds a.txt; nothing is written over', '--folder'],
    [['ledger', '--folder', 'full/a.txt'], 'full/a.txt is a file', '--folder'],
    [['ledger', '--port', '0'], '--port is "0"; allowed are 1 to 65535', ''],
    [['ledger', '--port', '9100'], 'which ../docs/ports.md has', '9200 is free'],
    [['ledger', '--thin', 'x'], "unknown option '--thin'", '--thing'],
  ])('refuses %j, and says what to give', async (args, detail, next) => {
    const said = await refusal(folder, ...args)
    expect(said).toContain(detail)
    expect(said).toContain(next)
    expect(await readdir(folder)).toEqual(['docs', 'full', 'sub'])
  })

  it('goes below the folder it is called in where there is no plan, and says what it needs', async () => {
    const terminal = new FakeTerminal({ cwd: join(folder, 'sub') })
    expect(
      await terminal.run('new', 'service', 'staff', '--thing', 'person', '--things', 'people'),
    ).toBe(0)
    for (const text of [
      'Made services/staff (11 files): service "staff" on port 9200',
      'It keeps people',
      'names @banyan/service, drizzle-orm, vitest, zod: add them first',
      'staff.ts',
      'npx vitest run services/staff',
      'npx banyan try services/staff',
    ]) {
      expect(terminal.out).toContain(text)
    }
    const file = (name: string) => readFile(join(folder, 'sub/services/staff', name), 'utf8')
    expect(await file('client.ts')).toContain("prefix: '/v1/people'")
    // A noun that does not name the service would meet another's: types are unique in a system.
    expect(await file('events.ts')).toContain("type: 'staff.person.added'")
    expect(await refusal(join(folder, 'sub'), 'staff')).toContain('services/staff holds README.md')
  })

  it('tries no folder that is no service', async () => {
    const terminal = new FakeTerminal({ cwd: folder })
    expect(await terminal.run('try', 'full', '--json')).toBe(2)
    expect(terminal.problem.detail).toContain('full has no main.ts')
    const other = new FakeTerminal({ cwd: folder })
    expect(await other.run('try', 'gone', '--json')).toBe(2)
    expect(other.problem.detail).toContain('there is no folder gone')
  })
})
