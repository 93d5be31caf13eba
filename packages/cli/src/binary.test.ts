import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failureOf } from './failure.ts'
import { loadPlan } from './load-plan.ts'
import { FakeControl, TOKEN } from './testing/fake-control.ts'

const BINARY = fileURLToPath(new URL('../bin/banyan.js', import.meta.url))

let folder: string
let control: FakeControl
let databases: EmbeddedPostgres
const backend = createServer((_, response) => response.end('the monolith'))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-cli-'))
  control = await FakeControl.start()
  databases = await EmbeddedPostgres.start({ settings: { wal_level: 'replica' } })
  await databases.createDatabase('control')
  const source = await databases.createDatabase('monolith')
  const target = await databases.createDatabase('service')
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const http = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const plan = {
    control: {
      databaseUrl: databases.url('control'),
      token: TOKEN,
      port: Number(new URL(control.url).port),
    },
    monolith: { url: http, databaseUrl: source },
    gateway: { port: 0, auth: { kind: 'none' }, identityKey: 'a-key-for-the-tests' },
    extractions: [
      {
        name: 'notes',
        service: { url: http, databaseUrl: target },
        routes: [{ methods: [], path: '/notes/*' }],
        tables: [{ source: 'public.notes', target: 'public.notes', owner: 'user_id' }],
      },
    ],
  }
  const text = JSON.stringify(plan)
  await writeFile(
    join(folder, 'banyan.config.ts'),
    `const plan: object = ${text}\nexport default plan\n`,
  )
  await writeFile(join(folder, 'later.config.ts'), `export default async () => (${text})\n`)
  await writeFile(join(folder, 'empty.config.ts'), 'export const plan = 1\n')
  await writeFile(join(folder, 'broken.config.ts'), 'export default {{\n')
  await writeFile(
    join(folder, 'wrong.config.ts'),
    `export default ${text.replace('"/notes/*"', '"notes"')}\n`,
  )
  await mkdir(join(folder, 'above'))
  await mkdir(join(folder, 'common'))
  await writeFile(join(folder, 'common', 'package.json'), '{"type":"commonjs"}')
  await writeFile(join(folder, 'common', 'banyan.config.ts'), `export default ${text}\n`)
})

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  backend.close()
  await Promise.all([
    control?.close(),
    databases?.stop(),
    rm(folder, { recursive: true, force: true }),
  ])
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** What a failed test leaves running. */
const running = new Set<ChildProcess>()

function begin(args: string[], cwd = folder) {
  const child = spawn(process.execPath, [BINARY, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    output.err += String(chunk)
  })
  const ended = once(child, 'close').then(([code]): Ended => ({ code, ...output }))
  return { child, output, ended }
}

/** Runs the real binary to its end. */
function banyan(...args: string[]): Promise<Ended> {
  return begin(args).ended
}

interface Line {
  readonly event?: string
  readonly msg?: string
  readonly port: number
  readonly adminPort: number
}

/** The first line of standard output that says where it listens, or what is meant. */
async function listening(
  { child, output, ended }: ReturnType<typeof begin>,
  isMeant = ({ event }: Line) => event === 'listening',
) {
  const parse = () =>
    output.out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
      .find(isMeant)
  for (;;) {
    const found = parse()
    if (found) return found
    const over = await Promise.race([once(child.stdout, 'data'), ended])
    if (!Array.isArray(over)) throw new Error(`it ended before it listened: ${over.err}`)
  }
}

describe('the binary', () => {
  it('loads the plan of its folder, and asks the control plane the plan names', async () => {
    const { code, out } = await banyan('status', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual(control.status())
  })

  it('doctor finds what is wrong and ends with 1', async () => {
    const { code, out } = await banyan('doctor', '--json')
    expect(code).toBe(1)
    const { ok, extractions } = JSON.parse(out)
    expect(ok).toBe(false)
    const checks = extractions[0].findings.map((one: { check: string }) => one.check)
    expect(checks).toEqual(expect.arrayContaining(['wal-level', 'table-missing']))
  })

  it('doctor prints each finding with its mend', async () => {
    const { code, out } = await banyan('doctor', 'notes')
    expect(code).toBe(1)
    expect(out).toContain(
      "  mend: ALTER SYSTEM SET wal_level = 'logical'; then restart the server.",
    )
    expect(out).toMatch(/notes: \d+ errors, \d+ warnings, \d+ notes/)
  })

  it.each([
    ['statsu', 2],
    ['complete', 2],
    ['status --control http://127.0.0.1:1', 3],
  ])('"%s" ends with %i', async (line, code) => {
    expect((await banyan(...line.split(' '))).code).toBe(code)
  })

  it('plan prints every step with the objects it makes, whether or not a table is there', async () => {
    const { code, out } = await banyan('plan')
    expect(code).toBe(0)
    for (const text of [
      '1. install',
      'banyan_notes_forward',
      'canary 1 %',
      'cut over (100 %)',
      'banyan complete',
    ]) {
      expect(out).toContain(text)
    }
  })

  it('ends cleanly on Ctrl-C while it watches', async () => {
    const watching = begin(['status', '--watch'])
    await control.followed()
    await once(watching.child.stdout, 'data')
    watching.child.kill('SIGINT')
    expect(await watching.ended).toMatchObject({ code: 0, err: '' })
  })
})

describe('the plan', () => {
  it('may be answered by a function, and stand in a CommonJS folder', async () => {
    const answers = await Promise.all(
      ['later.config.ts', 'common/banyan.config.ts'].map((config) =>
        banyan('status', '--config', config),
      ),
    )
    expect(answers.map(({ code, err }) => ({ code, err }))).toEqual([
      { code: 0, err: '' },
      { code: 0, err: '' },
    ])
  })

  it.each([
    ['banyan.confg.ts', 'there is no such file', 'Did you mean --config banyan.config.ts?'],
    [
      'nowhere/banyan.config.ts',
      'there is no such folder',
      'Did you mean --config banyan.config.ts?',
    ],
    ['empty.config.ts', 'its default export is missing', 'export default definePlan'],
    ['broken.config.ts', 'cannot be loaded', 'node --import tsx'],
    ['wrong.config.ts', 'extractions.0.routes.0.path', 'banyan doctor'],
  ])('%s is answered with what is wrong and what to do', async (config, wrong, next) => {
    const { problem, exit } = await loadPlan(config, folder).then(
      () => expect.unreachable(),
      failureOf,
    )
    expect(exit).toBe(2)
    expect(problem).toMatchObject({ code: 'BAD_PLAN', status: 422 })
    expect(problem.detail).toContain(wrong)
    expect(problem.next).toContain(next)
  })
})

describe('serve and gateway', () => {
  it('say where they listen, serve, and end on SIGTERM', async () => {
    const engine = begin(['serve', '--port', '0', '--id', 'engine-of-the-test'])
    const url = `http://127.0.0.1:${(await listening(engine)).port}`
    const gateway = begin(['gateway', '--id', 'gateway-of-the-test', '--control', url])
    const several = begin(['gateway', '--id', 'several', '--workers', '1', '--control', url])
    const { port, adminPort } = await listening(gateway)
    expect(adminPort).toBeGreaterThan(0)
    for (const one of [port, (await listening(several)).port]) {
      const answer = await fetch(`http://127.0.0.1:${one}/anything`)
      expect(await answer.text()).toBe('the monolith')
    }
    const { engine: who, gateways } = JSON.parse(
      (await banyan('status', '--json', '--control', url)).out,
    )
    expect(who.self).toBe('engine-of-the-test')
    const ids = gateways.map(({ id }: { id: string }) => id)
    expect(ids).toEqual(['gateway-of-the-test', 'several-w1'])
    gateway.child.kill('SIGTERM')
    expect((await gateway.ended).code).toBe(0)
    several.child.kill('SIGHUP')
    await listening(several, ({ msg }) => msg === 'reloaded')
    several.child.kill('SIGTERM')
    expect((await several.ended).code).toBe(0)
    engine.child.kill('SIGTERM')
    expect((await engine.ended).code).toBe(0)
  })

  it('serve says which address is the trouble', async () => {
    const { code, err } = await banyan('serve', '--port', new URL(control.url).port)
    expect(code).toBe(5)
    expect(err).toContain('is taken')
  })
})
