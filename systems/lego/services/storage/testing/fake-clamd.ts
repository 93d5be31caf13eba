import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** Speaks clamd's protocol, and finds what its tests call malware: the real one is asked in `*.servers.test.ts`. */
export async function startFakeClamd() {
  const open = new Set<Socket>()
  const waiting: Socket[] = []
  const server = createServer((socket) => {
    open.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (part) => {
      received = Buffer.concat([received, part as Buffer])
      if (received.toString('latin1') === 'zPING\0') socket.end('PONG\0')
      const content = contentOf(received)
      if (content?.includes('WAITS')) waiting.push(socket)
      else if (content !== null) socket.end(`${verdictOn(content)}\0`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    /** Scans that wait to be answered. */
    get waiting() {
      return waiting.length
    },
    /** Finds what waited clean. */
    answer() {
      for (const socket of waiting.splice(0)) socket.end('stream: OK\0')
    },
    stop: async () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

function verdictOn(content: string): string {
  if (content.includes('MALWARE')) return 'stream: Test.Malware FOUND'
  if (content.includes('TOO-DEEP')) return 'stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND'
  if (content.includes('BROKEN')) return 'stream: out of memory ERROR'
  return 'stream: OK'
}

/** null until the part of no length has come. */
function contentOf(received: Buffer): string | null {
  let content = ''
  for (let at = 'zINSTREAM\0'.length; at + 4 <= received.length; ) {
    const length = received.readUInt32BE(at)
    if (length === 0) return content
    content += received.toString('latin1', at + 4, at + 4 + length)
    at += 4 + length
  }
  return null
}
