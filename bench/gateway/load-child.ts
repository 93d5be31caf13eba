/** Sends requests for a while and prints how they were answered, as `Loaded`. */
import { connect } from 'node:net'
import { percentile } from '@banyan/lab'
import { UPSTREAM_BODY } from '../upstream.ts'

const { port, path, headers, connections, seconds, perSecond } = JSON.parse(process.argv[2]!) as {
  port: number
  path: string
  headers: string[]
  connections: number
  seconds: number
  /** 0 for as many as are answered. */
  perSecond: number
}
const lines = [`GET ${path} HTTP/1.1`, 'Host: bench', 'Accept: */*', ...headers]
const request = `${lines.join('\r\n')}\r\n\r\n`
/** Between two requests of one connection, ms. */
const everyMs = perSecond === 0 ? 0 : (connections * 1000) / perSecond

const times: number[] = []
const began = performance.now()
const endsAt = began + seconds * 1000

const sockets = Array.from({ length: connections }, (_, i) => {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let tail = ''
  let sentAt = 0
  // Spread, so that not all come at once.
  let dueAt = began + (i * everyMs) / connections
  const send = (at: number) => {
    sentAt = at
    socket.write(request)
  }
  const next = () => {
    const now = performance.now()
    if (now >= endsAt) return
    if (everyMs === 0) {
      send(now)
      return
    }
    dueAt += everyMs
    // One that waited for the answer before is late by that: it counts.
    if (dueAt <= now) send(dueAt)
    else setTimeout(() => send(performance.now()), dueAt - now)
  }
  socket.on('connect', next)
  socket.on('data', (chunk) => {
    tail = (tail + chunk.toString('latin1')).slice(-UPSTREAM_BODY.length - 7)
    if (!tail.endsWith(UPSTREAM_BODY) && !tail.endsWith(`${UPSTREAM_BODY}\r\n0\r\n\r\n`)) return
    tail = ''
    times.push(performance.now() - sentAt)
    next()
  })
  return socket
})
await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
const took = performance.now() - began
for (const socket of sockets) socket.destroy()
const loaded = {
  rate: (times.length * 1000) / took,
  answered: times.length,
  p99Ms: percentile(times, 0.99),
}
console.log(JSON.stringify(loaded))
