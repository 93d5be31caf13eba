import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { FolderStore } from '@banyan/objects'
import { afterAll, beforeAll, expect, it } from 'vitest'

const keyOf = (id: string) => `${id}:${randomBytes(32).toString('base64')}`
const [former, current] = [keyOf('k1'), keyOf('k2')]
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rotate-keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

const open = (masterKeys: string) =>
  FolderStore.open({ folder, masterKeys, publicUrl: 'http://127.0.0.1' })

function rotate(env: Record<string, string>) {
  const file = fileURLToPath(new URL('main.ts', import.meta.url))
  return new Promise<{ code: number; out: string; said: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', file],
      { env: { PATH: process.env.PATH ?? '', ...env } },
      (error, out, said) => resolve({ code: error ? Number(error.code) : 0, out, said }),
    )
  })
}

it('files are opened by the new key alone afterwards, and one that cannot be read stops no other', async () => {
  const before = await open(former)
  for (const key of ['mocs/a', 'mocs/b', 'mocs/c']) {
    await before.put(key, Buffer.from(key), { contentType: 'text/plain' })
  }
  const damaged = await readFile(join(folder, 'mocs/b~'))
  damaged[50]! ^= 1
  await writeFile(join(folder, 'mocs/b~'), damaged)

  const env = { OBJECTS_URL: pathToFileURL(folder).href, OBJECTS_KEYS: `${current},${former}` }
  const { code, out, said } = await rotate(env)
  expect(JSON.parse(out)).toEqual({ rotated: 2, unreadable: 1 })
  expect(code).toBe(1)
  expect(said).toContain('Object "mocs/b"')
  expect(said + out).not.toContain(former.slice(3))
  const after = await open(current)
  expect(await text((await after.get('mocs/a')).stream)).toBe('mocs/a')
  expect(await text((await after.get('mocs/c')).stream)).toBe('mocs/c')
})

it('a bucket is refused: its encryption is not ours', async () => {
  const env = { OBJECTS_URL: 's3://files?region=eu-central-1', OBJECTS_KEYS: current }
  const { code, said } = await rotate(env)
  expect(said).toContain("only a folder's files are closed with master keys")
  expect(code).toBe(1)
})
