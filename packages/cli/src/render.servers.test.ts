import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BucketSet, bucketOf, type RouteTable } from '@banyan/contracts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeControl, TOKEN } from './testing/fake-control.ts'
import { FakeTerminal } from './testing/fake-terminal.ts'

let control: FakeControl
let folder: string

const MONOLITH = 'http://127.0.0.1:3000'
const SERVICE = 'http://127.0.0.1:9100'
const ROUTES = [{ methods: ['GET', 'POST'], path: '/api/notes/*' }]

const PLAN = {
  control: { databaseUrl: 'postgres://127.0.0.1/control', token: TOKEN },
  monolith: { url: MONOLITH, databaseUrl: 'postgres://127.0.0.1/monolith' },
  gateway: {
    port: 39_000,
    auth: { kind: 'secret', secret: 'secret-of-the-tokens' },
    identityKey: 'identity-key-of-the-tests',
  },
  extractions: [{ name: 'notes', kind: 'routes', service: { url: SERVICE }, routes: ROUTES }],
}

const TABLE: RouteTable = {
  token: 3,
  version: 7,
  monolith: MONOLITH,
  extractions: [
    {
      extraction: 'notes',
      target: SERVICE,
      routes: ROUTES,
      targetBuckets: BucketSet.of([bucketOf('ann')]).toString(),
      hold: null,
      shadow: null,
    },
  ],
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-render-'))
  await writeFile(join(folder, 'plan.mjs'), `export default ${JSON.stringify(PLAN)}\n`)
  control = await FakeControl.start()
})
afterEach(async () => {
  await control.close()
  await rm(folder, { recursive: true })
})

/** What HAProxy says of a configuration. */
function check(file: string) {
  return spawnSync('haproxy', ['-c', '-f', file], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` },
  })
}

it.each([
  ['the table as it stands', TABLE],
  ['no table yet', null],
])('render haproxy writes what HAProxy takes: %s', async (_, table) => {
  control.table = table
  const terminal = new FakeTerminal({ cwd: folder })
  const to = join(folder, 'rendered')
  const args = ['--to', 'rendered', '--config', 'plan.mjs', '--control', control.url]
  expect(await terminal.run('render', 'haproxy', ...args), terminal.err).toBe(0)
  const { status, stdout, stderr } = check(join(to, 'haproxy.cfg'))
  expect(stdout + stderr).not.toMatch(/ALERT|WARNING/)
  expect(status).toBe(0)
  const routes = await readFile(join(to, 'routes.map'), 'utf8')
  expect(routes.includes('notes')).toBe(table !== null)
  // Addresses and paths of a system are not everybody's, and secrets are nobody's.
  expect((await stat(to)).mode & 0o077).toBe(0)
  for (const file of terminal.out.trim().split('\n')) {
    const text = await readFile(file, 'utf8')
    expect(text).not.toContain(PLAN.gateway.identityKey)
    expect(text).not.toContain(PLAN.gateway.auth.secret)
  }
})
