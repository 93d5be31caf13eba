import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'

const FOLDER = new URL('..', import.meta.url).pathname
let server: EmbeddedPostgres

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

it('the example of the README runs as it stands', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(`${FOLDER}README.md`, 'utf8'))![1]!
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', example],
    { cwd: FOLDER, env: { ...process.env, DATABASE_URL: server.url() } },
  )
  expect(stdout).toBe('billed 1\n')
})
