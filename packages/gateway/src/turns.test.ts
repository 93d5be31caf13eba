import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { RawClient, startGateway, table, until, upstream } from './testing.ts'

async function start() {
  const open = new Map<string, ServerResponse>()
  const monolith = await upstream('monolith', ({ method, url }, response) => {
    open.set(`${method} ${url}`, response)
  })
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, 'http://127.0.0.1:1', 1),
  })
  const client = await RawClient.connect(url)
  const send = (...requests: string[]) => {
    for (const request of requests) {
      const length = request.startsWith('GET') ? '' : 'Content-Length: 0\r\n'
      client.send(`${request} HTTP/1.1\r\nHost: a\r\n${length}\r\n`)
    }
  }
  const asked = (count: number) => until(() => open.size === count && [...open.keys()])
  const answer = (request: string) => open.get(request)!.end(request)
  const underWay = async () => {
    const { body } = await admin('GET', '/health')
    return (body as { calls: number }).calls
  }
  return { client, send, asked, answer, open, url, underWay }
}

it('requests behind each other are sent on side by side while all of them are safe', async () => {
  const { send, asked } = await start()
  send('GET /one', 'HEAD /two', 'GET /three')
  expect((await asked(3)).toSorted()).toEqual(['GET /one', 'GET /three', 'HEAD /two'])
})

it('a write waits for what is before it on its connection, and all behind it for the write', async () => {
  const { client, send, asked, answer, open, url } = await start()
  send('GET /one', 'POST /two', 'GET /three', 'GET /four', 'PUT /five')
  expect(await asked(1)).toEqual(['GET /one'])
  // Another connection does not wait; by the time it was asked, whoever does not wait here would have been, too.
  const other = fetch(`${url}/other`)
  await asked(2)
  answer('GET /other')
  await (await other).text()
  expect(open.size).toBe(2)
  answer('GET /one')
  expect((await asked(3)).at(-1)).toBe('POST /two')
  answer('POST /two')
  await asked(4)
  answer('GET /three')
  await asked(5)
  answer('GET /four')
  expect((await asked(6)).at(-1)).toBe('PUT /five')
  answer('PUT /five')
  await until(() => client.received.includes('PUT /five'))
  const order = ['GET /one', 'POST /two', 'GET /three', 'GET /four', 'PUT /five']
  const places = order.map((request) => client.received.indexOf(request))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

it('what waits behind a write of a client that went away is not sent on', async () => {
  const { client, send, asked, open, url } = await start()
  send('POST /one', 'DELETE /two')
  await asked(1)
  client.socket.destroy()
  const other = fetch(`${url}/other`)
  await asked(2)
  open.get('GET /other')!.end()
  await (await other).text()
  expect([...open.keys()]).toEqual(['POST /one', 'GET /other'])
})

it('nothing is left of a client that went away, however many answers it has not waited for', async () => {
  const { client, send, asked, underWay } = await start()
  send('GET /one', 'GET /two', 'GET /three', 'POST /four')
  await asked(3)
  expect(await underWay()).toBe(3)
  client.socket.destroy()
  await until(async () => (await underWay()) === 0)
})
