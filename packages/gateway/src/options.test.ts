import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { settingsOf } from './options.ts'

const GIVEN = {
  id: 'one',
  listen: { port: 0 },
  admin: { port: 0, token: 'token' },
  monolith: 'http://127.0.0.1:1',
  identityKey: 'identity-key-of-the-tests',
  auth: { kind: 'none' },
} as const

it('says of every setting with a number its default in the documentation', async () => {
  const page = await readFile(new URL('../../../docs/gateway.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([\w.]+)` \| ([\d,]+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value!.replaceAll(',', '')),
  ])
  const { listen: _, admin: __, ...defaults } = settingsOf(GIVEN)
  const numbers = Object.entries(defaults).flatMap(([name, value]) => {
    if (typeof value === 'number') return [[name, value]]
    if (typeof value !== 'object' || value === null) return []
    const inner = Object.entries(value) as [string, unknown][]
    return inner
      .filter(([, one]) => typeof one === 'number')
      .map(([key, one]) => [`${name}.${key}`, one])
  })
  expect(numbers.length).toBeGreaterThan(10)
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(numbers))
})
