import { readFileSync } from 'node:fs'
import { EmbeddedPostgres } from '@banyan/postgres'
import { expect, it } from 'vitest'
import { main } from '../testing/saga-example.ts'

it('shows sagas, jobs and schedules in the README as they work', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const example = readFileSync(new URL('../testing/saga-example.ts', import.meta.url), 'utf8')
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``)
  const server = await EmbeddedPostgres.start()
  try {
    expect(await main(server.url())).toEqual([
      'completed',
      'compensated',
      'Ann 700 cents, reminded',
      'place of Ann',
    ])
  } finally {
    await server.stop()
  }
})
