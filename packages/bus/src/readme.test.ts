import { readFileSync } from 'node:fs'
import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from './testing/example.ts'

describe('the README', () => {
  let server: EmbeddedPostgres
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
  })
  afterAll(() => server.stop())

  it('starts with an example that works as it stands', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const example = readFileSync(new URL('./testing/example.ts', import.meta.url), 'utf8')
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(example)
    const [orders, billing, bus] = [
      await server.createDatabase('orders'),
      await server.createDatabase('billing'),
      await server.createDatabase('bus'),
    ]
    expect(await main(orders, billing, bus)).toBe(700)
  })
})
