/**
 * Monolith and service in one process, as lean as such can be: one statement a write, so that what is
 * measured is the handover and not the application.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NOT_OWNER_HEADER } from '@banyan/contracts'
import { createPool, type Pool } from '@banyan/postgres'

const STATEMENTS: Readonly<Record<string, string>> = {
  insert:
    "INSERT INTO public.note (id, owner, n, text) VALUES ($2, $1, 0, 'a note of some length')",
  increment: 'UPDATE public.note SET n = n + 1 WHERE id = $2 AND owner = $1',
}
/** The guard's answer to a transaction that waited while its bucket came; it is run again. */
const SERIALIZATION_FAILURE = '40001'
const ATTEMPTS = 3

const ports = await Promise.all(
  ['BENCH_SOURCE_DATABASE', 'BENCH_TARGET_DATABASE'].map((name) =>
    serve(createPool(process.env[name]!, { name: 'application', max: 10 })),
  ),
)
console.log(JSON.stringify({ event: 'listening', port: ports[0], servicePort: ports[1] }))

/** `POST /notes/OWNER/insert|increment/ID`. */
async function serve(pool: Pool): Promise<number> {
  const server = createServer((request, response) => {
    const [, , owner, verb, id] = request.url!.split('/')
    const text = STATEMENTS[verb ?? '']
    request.resume()
    if (!owner || !id || !text) {
      response.writeHead(404).end()
      return
    }
    write(pool, verb!, text, [owner, id]).then(
      (written) => response.writeHead(written ? 204 : 404).end(),
      (error: Error & { code?: string }) => {
        const moved = error.code === 'BN001'
        response.writeHead(moved ? 409 : 500, moved ? { [NOT_OWNER_HEADER]: '1' } : {})
        response.end(error.message)
      },
    )
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function write(pool: Pool, name: string, text: string, values: string[]): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { rowCount } = await pool.query({ name, text, values })
      return rowCount === 1
    } catch (error) {
      const again = (error as { code?: string }).code === SERIALIZATION_FAILURE
      if (!again || attempt === ATTEMPTS) throw error
    }
  }
}
