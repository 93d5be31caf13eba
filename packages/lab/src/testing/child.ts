import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// A process for the supervisor's tests: answers each request with its pid and how often it was asked.
let asked = 0
if (process.env.FAIL) {
  console.error(`cannot start: ${process.env.FAIL}`)
  process.exit(3)
}
const server = createServer((_, response) => {
  asked++
  response.end(JSON.stringify({ pid: process.pid, asked }))
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log('not JSON')
  console.log(JSON.stringify({ event: 'listening', port: (server.address() as AddressInfo).port }))
})
process.once('SIGTERM', () => process.exit(0))
