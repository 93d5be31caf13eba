import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a service answers in place of what it would. */
type Instead = (path: string) => { readonly status: number; readonly body: object } | null

export interface Relay {
  readonly url: string
  /** Passes requests on; drops them without an answer; or answers some by itself. */
  behave(how: 'passes' | 'drops' | Instead): void
  close(): Promise<void>
}

/** Stands between a process and a service, so that a test can take the service away, or speak for it. */
export async function startRelay(target: string): Promise<Relay> {
  let how: 'passes' | 'drops' | Instead = 'passes'
  const server = createServer((request, response) => {
    if (how === 'drops') {
      request.socket.destroy()
      return
    }
    const instead = how === 'passes' ? null : how(request.url!)
    if (instead) {
      request.resume()
      response.writeHead(instead.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(instead.body))
      return
    }
    const { method, headers, url } = request
    const passed = send(
      new URL(url!, target),
      { ...(method ? { method } : {}), headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      },
    )
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave: (next) => {
      how = next
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
