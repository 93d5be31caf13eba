import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BanyanError } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { cleanUp, until } from '../testing.ts'
import type { AnswerHandler } from './connection.ts'
import { Connections, type ConnectionsOptions } from './connections.ts'
import { fieldsText, type WholeRequest } from './request-text.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const answer = (body: string) => `${OK}Content-Length: ${body.length}\r\n\r\n${body}`

/** An upstream that writes what it is told to. */
async function upstream(
  answers: (request: string, socket: Socket, count: number) => void,
  options: Partial<ConnectionsOptions> = {},
) {
  const requests: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      requests.push(String(chunk))
      answers(String(chunk), socket, requests.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connections = new Connections(new URL(url), {
    ...{ connections: 10, connectMs: 5_000, keepMs: 60_000, keepAtMostMs: 60_000 },
    ...options,
  })
  cleanUp(() => {
    connections.destroy()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { connections, requests, sockets, server }
}

const request = (given: Partial<WholeRequest> = {}): WholeRequest => ({
  ...{ method: 'GET', path: '/', headers: ['Host', 'a'], fields: '', body: null },
  ...{ headersTimeout: 60_000, bodyTimeout: 60_000, ...given },
})

/** What came of one request. */
class Asked implements AnswerHandler {
  status = 0
  body = ''
  error: (Error & { code?: string; kept?: boolean }) | null = null
  pieces = 0
  resume: (() => void) | null = null
  abort: ((error?: Error) => void) | null = null
  readonly over: Promise<this>
  #over!: (asked: this) => void

  constructor() {
    this.over = new Promise((resolve) => {
      this.#over = resolve
    })
  }
  onConnect(abort: (error?: Error) => void) {
    this.abort = abort
  }
  onHeaders(status: number, _fields: string[], resume: () => void) {
    this.status = status
    this.resume = resume
    return true
  }
  onData(chunk: Buffer) {
    this.body += chunk.toString('latin1')
    this.pieces++
    return true
  }
  onComplete() {
    this.#over(this)
  }
  onError(error: Error) {
    this.error = error
    this.#over(this)
  }
}

function ask(connections: Connections, given: Partial<WholeRequest> = {}, asked = new Asked()) {
  connections.dispatch(request(given), asked)
  return asked.over
}

it('asks one thing after the other on a connection', async () => {
  const { connections, requests, sockets } = await upstream((_, socket, count) => {
    socket.write(answer(String(count)))
  })
  expect(await ask(connections)).toMatchObject({ status: 200, body: '1', error: null })
  const body = Buffer.from('{"é":1}')
  const sent = { method: 'POST', path: '/things?a=b', headers: ['Host', 'a', 'X-A', 'b'], body }
  expect(await ask(connections, sent)).toMatchObject({ body: '2' })
  expect(await ask(connections, { method: 'DELETE', headers: [] })).toMatchObject({ body: '3' })
  expect(sockets).toHaveLength(1)
  expect(requests[0]).toBe('GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n')
  expect(requests[1]).toBe(
    'POST /things?a=b HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\nX-A: b\r\ncontent-length: 8\r\n\r\n{"é":1}',
  )
  expect(requests[2]).toMatch(
    /^DELETE \/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nconnection: keep-alive\r\n\r\n$/,
  )
})

it('sends fields that were put together before behind those of the request', async () => {
  const { connections, requests } = await upstream((_, socket) => socket.write(answer('x')))
  const fields = fieldsText(['X-Who', 'ann', 'x-roles', ''])
  await ask(connections, { headers: ['Host', 'a', 'X-A', 'b'], fields })
  expect(requests).toEqual([
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\nX-A: b\r\nX-Who: ann\r\nx-roles: \r\n\r\n',
  ])
  for (const [name, value] of [
    ['X-Who', 'ann\r\nx-roles: admin'],
    ['X-Who\r\nx-roles', 'admin'],
    ['', 'ann'],
    ['X-Who', 'änn\u0100'],
    ['Host', 'b'],
    ['Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['connection', 'close'],
  ] as const) {
    expect(() => fieldsText(['x-roles', '', name, value]), name).toThrow(/cannot be sent on/)
  }
})

it('sends a large body whole', async () => {
  let came = ''
  const { connections } = await upstream((text, socket) => {
    came += text
    if (came.endsWith('!')) socket.write(answer('x'))
  })
  const body = Buffer.from(`${'y'.repeat(900_000)}!`)
  expect(await ask(connections, { method: 'PUT', body })).toMatchObject({ body: 'x' })
  expect(came.slice(came.indexOf('\r\n\r\n') + 4)).toBe(String(body))
})

describe('nobody is answered with', () => {
  it('what came behind an answer', async () => {
    const { connections, sockets } = await upstream((_, socket, count) => {
      socket.write(answer(String(count)) + (count === 1 ? answer('for somebody else') : ''))
    })
    expect(await ask(connections)).toMatchObject({ body: '1', error: null })
    expect(await ask(connections)).toMatchObject({ body: '2', error: null })
    expect(sockets).toHaveLength(2)
  })

  it('what came while nothing was asked, even in the turn in which the next thing is', async () => {
    const { connections, sockets } = await upstream((_, socket, count) => {
      socket.write(answer(String(count)))
    })
    await ask(connections)
    // From here on what has arrived is read before the turn is over.
    await nextTurn()
    sockets[0]!.write(answer('for somebody else'))
    expect(await ask(connections)).toMatchObject({ body: '2', error: null })
    expect(sockets).toHaveLength(2)
  })

  it('what is sent behind the head of a HEAD, or a request whose body may not be read', async () => {
    const { connections, requests, sockets } = await upstream((text, socket, count) => {
      socket.write(
        text.startsWith('HEAD') ? `${OK}Content-Length: 7\r\n\r\n` : answer(String(count)),
      )
    })
    expect(await ask(connections, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect(await ask(connections, { body: Buffer.from('x') })).toMatchObject({ body: '2' })
    expect(await ask(connections)).toMatchObject({ body: '3' })
    expect(sockets).toHaveLength(3)
    expect(requests[0]).toContain('connection: close')
    expect(requests[1]).toContain('connection: close')
  })
})

describe('a connection is not kept when its upstream', () => {
  for (const [what, head] of [
    ['says so', 'Connection: close\r\nContent-Length: 1\r\n'],
    ['keeps it for a moment', 'Keep-Alive: timeout=2\r\nContent-Length: 1\r\n'],
  ]) {
    it(what!, async () => {
      const { connections, sockets } = await upstream((_, socket) => {
        socket.write(`${OK}${head}\r\nx`)
      })
      expect(await ask(connections)).toMatchObject({ body: 'x' })
      expect(await ask(connections)).toMatchObject({ body: 'x' })
      expect(sockets).toHaveLength(2)
    })
  }
  it('ends its answer with it', async () => {
    const { connections } = await upstream((_, socket) => socket.end(`${OK}\r\nall`))
    expect(await ask(connections)).toMatchObject({ body: 'all', error: null })
    expect(await ask(connections)).toMatchObject({ body: 'all', error: null })
  })
})

describe('tells who asked', () => {
  it('that a kept connection was lost, and one that was not', async () => {
    const { connections } = await upstream((_, socket, count) => {
      if (count === 2) socket.write(answer('x'))
      else socket.destroy()
    })
    expect((await ask(connections)).error).toMatchObject({ kept: false })
    await ask(connections)
    expect((await ask(connections)).error).toMatchObject({ kept: true })
  })

  it('that an answer was cut', async () => {
    const { connections } = await upstream((_, socket) =>
      socket.end(`${OK}Content-Length: 5\r\n\r\nab`),
    )
    expect(await ask(connections)).toMatchObject({
      status: 200,
      body: 'ab',
      error: { code: 'ECONNRESET' },
    })
  })

  it('that what came is no answer', async () => {
    const { connections } = await upstream((_, socket) => socket.write('SSH-2.0-x\r\n'))
    expect((await ask(connections)).error).toMatchObject({ name: 'BadAnswer' })
  })

  it('that nobody listens', async () => {
    const { connections, server } = await upstream(() => {})
    server.close()
    await once(server, 'close')
    expect((await ask(connections)).error).toMatchObject({ code: 'ECONNREFUSED', kept: false })
  })

  it('that no answer came in time, or not all of it', async () => {
    const { connections } = await upstream((text, socket) => {
      if (text.startsWith('GET /half')) socket.write(`${OK}Content-Length: 5\r\n\r\nab`)
    })
    expect((await ask(connections, { headersTimeout: 20 })).error).toMatchObject({
      code: 'ANSWER_TIMEOUT',
    })
    const half = await ask(connections, { path: '/half', bodyTimeout: 20 })
    expect(half).toMatchObject({ body: 'ab', error: { code: 'BODY_TIMEOUT' } })
  })

  it('that its request cannot be sent as it is', async () => {
    const { connections, requests } = await upstream(() => {})
    for (const given of [
      { path: '/a b' },
      { path: '/\r\nX: y' },
      { method: 'GET /\r\n' },
      { headers: ['X', 'a\r\nY: b'] },
      { headers: ['X:', 'a'] },
      { headers: ['Host', 'a', 'host', 'b'] },
      { headers: ['Transfer-Encoding', 'chunked'] },
      { headers: ['Content-Length', '3'], method: 'POST', body: Buffer.from('four') },
    ]) {
      const { error } = await ask(connections, given)
      expect((error as unknown as BanyanError).code, JSON.stringify(given)).toBe('BAD_REQUEST')
    }
    expect(requests).toEqual([])
  })
})

it('opens no more connections than it may, and serves those that wait in their order', async () => {
  const held: Socket[] = []
  const { connections, requests, sockets } = await upstream((_, socket) => held.push(socket), {
    connections: 2,
  })
  const all = ['/1', '/2', '/3', '/4'].map((path) => ask(connections, { path }))
  await until(() => requests.length === 2)
  expect(connections.stats).toEqual({ open: 2, idle: 0, waiting: 2 })
  for (let served = 0; served < 4; served++) {
    await until(() => held.length > 0)
    held.shift()!.write(answer('x'))
  }
  await Promise.all(all)
  expect(sockets).toHaveLength(2)
  expect(requests.map((text) => text.split(' ')[1]).sort()).toEqual(['/1', '/2', '/3', '/4'])
  expect(requests[2]).toContain('/3')
})

it('stops reading while nobody takes what comes, and goes on', async () => {
  const body = 'z'.repeat(8_000_000)
  const { connections, sockets } = await upstream((_, socket) => socket.write(answer(body)))
  const asked = new Asked()
  asked.onData = (chunk) => {
    asked.body += chunk.toString('latin1')
    return false
  }
  const over = ask(connections, {}, asked)
  await until(() => asked.body.length > 0)
  // It takes one piece at each word from here on; the rest waits at the upstream.
  expect(sockets[0]!.writableLength).toBeGreaterThan(0)
  let isOver = false
  void over.then(() => {
    isOver = true
  })
  while (!isOver) {
    const before = asked.body.length
    asked.resume!()
    await until(() => isOver || asked.body.length > before)
  }
  expect(asked.body).toHaveLength(body.length)
})

it('sends nothing of what was called off before, and keeps the connection', async () => {
  const { connections, requests, sockets } = await upstream((_, socket) =>
    socket.write(answer('x')),
  )
  await ask(connections)
  const asked = new Asked()
  asked.onConnect = (abort) => abort(new Error('called off'))
  expect((await ask(connections, { path: '/off' }, asked)).error).toMatchObject({
    message: 'called off',
  })
  expect(await ask(connections)).toMatchObject({ body: 'x' })
  expect(requests.filter((text) => text.includes('/off'))).toEqual([])
  expect(sockets).toHaveLength(1)
})

it('ends the connection of what is called off later', async () => {
  const { connections, sockets, requests } = await upstream(() => {})
  const asked = new Asked()
  const over = ask(connections, {}, asked)
  await until(() => requests.length === 1)
  asked.abort!(new Error('called off'))
  expect((await over).error).toMatchObject({ message: 'called off' })
  await until(() => sockets[0]!.destroyed)
})

describe('keeps connections', () => {
  const saying = (field: string) => `${OK}${field}Content-Length: 1\r\n\r\nx`

  it('for a while, where their upstream does not say how long it does', async () => {
    const { connections, sockets } = await upstream((_, socket) => socket.write(saying('')), {
      keepMs: 20,
    })
    await ask(connections)
    await once(sockets[0]!, 'close')
    await until(() => connections.stats.open === 0)
  })

  it('for as long as it says, up to a bound', async () => {
    const { connections, sockets } = await upstream(
      (_, socket, count) =>
        socket.write(saying(`Keep-Alive: timeout=${count < 3 ? 3_600 : 3}\r\n`)),
      { keepMs: 0, keepAtMostMs: 3_600_000 },
    )
    for (let asked = 0; asked < 3; asked++) await ask(connections)
    expect(sockets).toHaveLength(1)
    // A second of three is left, since the other two may be too late.
    await once(sockets[0]!, 'close')
    await until(() => connections.stats.open === 0)
  })

  it('no longer than the bound', async () => {
    const { connections, sockets } = await upstream(
      (_, socket) => socket.write(saying('Keep-Alive: timeout=3600\r\n')),
      { keepMs: 3_600_000, keepAtMostMs: 20 },
    )
    await ask(connections)
    await once(sockets[0]!, 'close')
  })
})

it('finishes what it is doing when it closes, and fails it when it is destroyed', async () => {
  const held: Socket[] = []
  const { connections, sockets } = await upstream((_, socket) => held.push(socket))
  const first = ask(connections)
  await until(() => held.length === 1)
  connections.close()
  held[0]!.write(answer('x'))
  expect(await first).toMatchObject({ body: 'x', error: null })
  await until(() => sockets[0]!.destroyed)
  const second = ask(connections)
  await until(() => held.length === 2)
  connections.destroy()
  expect((await second).error).toMatchObject({ name: 'ConnectionLost' })
})
