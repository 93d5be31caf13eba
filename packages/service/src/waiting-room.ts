import { setTimeout as pause } from 'node:timers/promises'
import { PROBLEM_TYPE } from '@banyan/contracts'
import { catalogue, problemOf } from './answer-error.ts'
import { isPassing, rootCause } from './failures.ts'
import type { Log } from './log.ts'
import { type Certified, openServer } from './server.ts'

export interface WaitOptions {
  /** What is waited for, e.g. `database`. */
  readonly what: string
  /** At most, ms. */
  readonly forMs: number
  readonly log: Log
  /** Where probes are answered meanwhile. */
  readonly at: { readonly port: number; readonly host: string; readonly tls: Certified | null }
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000
/** A name that is not there yet, as while a cluster starts. */
const NO_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN'])

/**
 * Does what must be done before a service can listen, again and again while what it needs is away. From
 * the first failure on it listens as alive and not ready: an orchestrator that restarted it instead
 * would wait longer each time (Kubernetes up to 5 minutes), long after the database is back.
 *
 * @throws what `work` throws: at once when waiting would not help, else when the time is over
 */
export async function whenThere<R>(work: () => Promise<R>, options: WaitOptions): Promise<R> {
  const { what, forMs, log, at } = options
  const deadline = performance.now() + forMs
  let room: { close(): Promise<void> } | null = null
  try {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        return await work()
      } catch (error) {
        const leftMs = deadline - performance.now()
        if (!isAway(error) || leftMs <= 0) throw error
        const reason = rootCause(error).message || String((error as NodeJS.ErrnoException).code)
        log.warn({ reason, leftMs: Math.round(leftMs) }, `the ${what} is away; waiting for it`)
        room ??= await openRoom(what, at)
        await pause(Math.min(wait, leftMs))
      }
    }
  } finally {
    await room?.close()
  }
}

function isAway(error: unknown): boolean {
  return isPassing(error) || NO_NAME.has(String((rootCause(error) as { code?: unknown }).code))
}

async function openRoom(what: string, { port, host, tls }: WaitOptions['at']) {
  const readiness = {
    status: 'starting',
    checks: [{ name: what, ok: false, required: true }],
  }
  const problem = problemOf(catalogue('UNAVAILABLE', { reason: 'The service is starting.' }))
  const server = openServer(
    (request, response) => {
      const path = request.url?.split('?', 1)[0]
      const answer = (code: number, type: string, body: object) =>
        response
          // It is another server that will answer here in a moment.
          .writeHead(code, { 'content-type': type, 'retry-after': '1', connection: 'close' })
          .end(JSON.stringify(body))
      if (path === '/health' || path === '/health/live') {
        return void answer(200, 'application/json', { status: 'ok' })
      }
      if (path === '/health/ready') return void answer(503, 'application/json', readiness)
      answer(503, PROBLEM_TYPE, problem)
    },
    { headersMs: 10_000, requestMs: 10_000 },
    tls,
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
