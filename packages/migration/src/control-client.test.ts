import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { ControlClient } from './control-client.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function engine(answers: boolean): Promise<string> {
  const server = createServer((_, response) => {
    if (answers) response.end('{"waitsFor":["start"]}')
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('asks the next engine when one stands still', async () => {
  const urls = [await engine(false), await engine(true)]
  const client = new ControlClient({ urls, token: 'a-token', timeoutMs: 300 })
  expect(await client.why('things')).toMatchObject({ waitsFor: ['start'] })
})

it('does not ask for an action twice: the engine that stands still may have heard it', async () => {
  const urls = [await engine(false), await engine(true)]
  const client = new ControlClient({ urls, token: 'a-token', timeoutMs: 300 })
  await expect(client.act('things', 'start')).rejects.toMatchObject({ code: 'CONTROL_UNREACHABLE' })
})
