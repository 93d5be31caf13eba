/**
 * Requests a second through the gateway against a plain proxy of node:http alone, each in a process
 * of its own, in interleaved runs; and through one that logs every request to a file. The ratios are what
 * counts: the machine's mood is in all numbers.
 *
 *   node --import tsx bench/gateway.ts [seconds per run]
 */
import { fork } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { Agent, createServer, request as send } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGateway } from '@banyan/gateway'
import { UPSTREAM_BODY as BODY, startUpstream } from './upstream.ts'

const CONNECTIONS = 32
const ROUNDS = 3

const roles: Record<string, (upstream: string) => Promise<number>> = {
  async upstream() {
    return (await startUpstream()).port
  },
  gateway: (upstream) => gateway(upstream, 'silent'),
  logged: (upstream) => gateway(upstream, 'info'),
  async plain(upstream) {
    const agent = new Agent({ keepAlive: true })
    const { port } = new URL(upstream)
    const server = createServer((request, response) => {
      const { method, url, headers } = request
      const onward = send(
        { agent, port, host: '127.0.0.1', method, path: url, headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(response)
        },
      )
      request.pipe(onward)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  },
}

async function gateway(monolith: string, logLevel: 'silent' | 'info'): Promise<number> {
  const gateway = createGateway({
    id: 'bench',
    listen: { port: 0 },
    admin: { port: 0, token: 'bench' },
    identityKey: 'key of the benchmark',
    auth: { kind: 'none' },
    monolith,
    logLevel,
  })
  await gateway.listen()
  return gateway.publicPort
}

const LINES = join(tmpdir(), `banyan-bench-gateway-${process.pid}.log`)

async function start(role: string, upstream = '') {
  const lines = openSync(LINES, 'a')
  const child = fork(fileURLToPath(import.meta.url), [role, upstream], {
    stdio: ['ignore', lines, 'inherit', 'ipc'],
  })
  closeSync(lines)
  const next = () => new Promise<number>((resolve) => child.once('message', resolve as never))
  const port = await next()
  /** CPU time the process has used so far, µs. */
  const cpu = () => {
    child.send('cpu')
    return next()
  }
  return { port, cpu, stop: () => child.kill() }
}

/** Requests answered a second over `CONNECTIONS` connections, one at a time on each. */
async function load(port: number, seconds: number): Promise<{ rate: number; answered: number }> {
  const request =
    'GET /api/things?page=1 HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n'
  let answered = 0
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.setNoDelay(true)
    let tail = ''
    socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-BODY.length - 4)
      if (!tail.endsWith(`${BODY}`) && !tail.endsWith(`${BODY}\r\n0\r\n\r\n`)) return
      answered++
      tail = ''
      socket.write(request)
    })
    return socket
  })
  const began = performance.now()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const rate = (answered * 1000) / (performance.now() - began)
  for (const socket of sockets) socket.destroy()
  return { rate, answered }
}

const [given = '3', upstreamUrl = ''] = process.argv.slice(2)
const role = roles[given]
if (role) {
  process.send!(await role(upstreamUrl))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!(user + system)
  })
} else {
  const upstream = await start('upstream')
  const url = `http://127.0.0.1:${upstream.port}`
  const proxies = {
    plain: await start('plain', url),
    gateway: await start('gateway', url),
    logged: await start('logged', url),
  }
  const none = () => ({ perSecond: 0, cpuMicros: Number.POSITIVE_INFINITY })
  const best = { plain: none(), gateway: none(), logged: none() }
  for (const { port } of Object.values(proxies)) await load(port, 1)
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['plain', 'gateway', 'logged'] as const) {
      const before = await proxies[name].cpu()
      const { rate, answered } = await load(proxies[name].port, Number(given))
      const cpuMicros = ((await proxies[name].cpu()) - before) / answered
      best[name].perSecond = Math.round(Math.max(best[name].perSecond, rate))
      best[name].cpuMicros = Math.min(best[name].cpuMicros, cpuMicros)
    }
  }
  const ratio = (a: number, b: number) => Math.round((a / b) * 100) / 100
  console.log(
    JSON.stringify({
      ...best,
      perSecondRatio: ratio(best.gateway.perSecond, best.plain.perSecond),
      // Where load and upstream share the cores with the proxy, the CPU of a request tells more.
      cpuRatio: ratio(best.plain.cpuMicros, best.gateway.cpuMicros),
      /** CPU of a request with its line, to that without. */
      loggedCpuRatio: ratio(best.logged.cpuMicros, best.gateway.cpuMicros),
    }),
  )
  for (const one of [upstream, ...Object.values(proxies)]) one.stop()
  rmSync(LINES)
}
