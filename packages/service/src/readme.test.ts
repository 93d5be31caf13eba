import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startProcess } from './testing/processes.ts'
import { ask, IDENTITY_KEY } from './testing/requests.ts'

it('starts with an example that works as it stands', async () => {
  const file = new URL('./testing/greeter.ts', import.meta.url)
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(readFileSync(file, 'utf8'))
  const greeter = await startProcess(file, { BANYAN_IDENTITY_KEY: IDENTITY_KEY, GREETING: 'Hey' })
  expect(await ask(`${greeter.url}/v1/greetings`, { user: 'ada' })).toMatchObject({
    status: 200,
    body: { text: 'Hey, ada' },
  })
  greeter.signal('SIGTERM')
  expect(await greeter.ended).toBe(0)
})

it('shows calls by files that are tested', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const readme = read('../README.md')
  for (const name of ['stock', 'shop', 'shop-contract']) {
    expect(readme).toContain(`\`\`\`ts\n${read(`./testing/${name}.ts`)}\`\`\``)
  }
})
