import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('starts with an example that works as it stands', async () => {
  const example = fileURLToPath(new URL('testing/example.ts', import.meta.url))
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(await readFile(example, 'utf8'))
  const folder = await mkdtemp(join(tmpdir(), 'objects-'))
  const file = join(folder, '.given')
  await writeFile(file, 'hello world')
  const env = {
    ...process.env,
    OBJECTS_URL: pathToFileURL(folder).href,
    OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  }
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', example, file], { env })
  const { stdout } = await run.finally(() => rm(folder, { recursive: true }))
  expect(stdout.split('\n')).toEqual([
    '11 bytes, SHA-256 b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
    'begins with "hello"',
    'plans/17/cover.txt',
    '/v1/objects/plans/17/cover.txt',
    '',
  ])
})
