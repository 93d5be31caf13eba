import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from './response-head.ts'

/**
 * Passes a 101 on and joins both connections until either side closes.
 *
 * @param over called once both are closed.
 * @returns ends both.
 */
export function joinSockets(
  client: Duplex,
  upstream: Duplex,
  status: number,
  raw: readonly (Buffer | string)[],
  over: () => void,
): () => void {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let i = 0; i < raw.length; i += 2) head += `${text(raw[i]!)}: ${text(raw[i + 1]!)}\r\n`
  client.write(`${head}\r\n`, 'latin1')
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  let open = 2
  for (const socket of [client, upstream]) {
    socket.on('error', end)
    socket.on('close', () => {
      end()
      if (--open === 0) over()
    })
  }
  client.pipe(upstream)
  upstream.pipe(client)
  return end
}
