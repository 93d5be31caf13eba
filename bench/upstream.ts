import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

/** What it answers. */
export const UPSTREAM_BODY = JSON.stringify({ hello: 'x'.repeat(200) })
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${UPSTREAM_BODY.length}\r\n\r\n${UPSTREAM_BODY}`

/**
 * Listens on a free port of 127.0.0.1, and answers whatever arrives without parsing it: what it costs must
 * not hide what stands before it. Requests without a body alone, one after the other on a connection.
 */
export async function startUpstream(): Promise<{ readonly port: number }> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (chunk.includes('\r\n\r\n')) socket.write(ANSWER)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port }
}
