import type { Dispatcher } from 'undici'
import type { z } from 'zod'
import { bytes, type RouteDescription } from './api.ts'
import { CallError, type ErrorAnswer } from './call-error.ts'
import type { CallRequest } from './call-request.ts'

/** Failures before a connection stood: the called service has seen nothing of the request. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** 500 is a defect or a fault of a moment, 501 and 505 stay as they are. */
const PASSING = new Set([429, 500, 502, 503, 504])

export interface AttemptOptions {
  readonly dispatcher: Dispatcher
  readonly origin: string
  /** Names the route in errors, e.g. `albums.getImage`. */
  readonly upstream: string
  readonly route: RouteDescription
  /** An answer larger than this, bytes, is refused. */
  readonly answerBytes: number
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/**
 * Sends a request once and reads its answer by the route's schemas.
 * @throws CallError, or the signal's reason when that aborts.
 */
export async function attempt(
  request: CallRequest,
  options: AttemptOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const { upstream } = options
  let answer: Answer
  try {
    answer = await exchange(request, options, signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof CallError) throw error
    const { code, message } = error as Error & { code?: string }
    throw new CallError(
      'UPSTREAM_UNREACHABLE',
      { upstream, reason: message || code || 'no connection' },
      { passing: true, sick: true, unsent: UNSENT.has(code ?? '') },
      { cause: error },
    )
  }
  const { status } = answer
  if (status >= 200 && status < 300) return read(answer, options)
  const given = errorAnswer(answer)
  const reason = given.code ?? String(given.problem?.title ?? 'no problem document')
  const retryAfterMs = retryAfter(answer)
  throw new CallError(
    'UPSTREAM_REFUSED',
    { upstream, answered: status, reason },
    {
      passing: PASSING.has(status),
      sick: status >= 500,
      answer: given,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    },
  )
}

async function exchange(
  { method, path, headers, body }: CallRequest,
  { dispatcher, origin, upstream, answerBytes }: AttemptOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await dispatcher.request({ origin, path, method, headers, body, signal })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > answerBytes) {
      answer.body.destroy()
      const reason = `more than ${answerBytes} bytes`
      throw badAnswer(upstream, answer.statusCode, reason)
    }
    chunks.push(chunk)
  }
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }
}

function read({ status, body }: Answer, { route, upstream }: AttemptOptions): unknown {
  const schema: z.ZodType | undefined = route.response[status]
  if (!schema) throw badAnswer(upstream, status, 'a status that the route does not describe')
  if (schema === bytes) return new Uint8Array(body)
  const value = body.length === 0 ? null : parseJson(body)
  if (value === undefined) throw badAnswer(upstream, status, 'what is not JSON')
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  // Where and which rule, not the values: they may be anybody's data.
  const faults = checked.error.issues.slice(0, 5).map(({ path, code }) => {
    return `${path.join('.') || '(all)'}: ${code}`
  })
  throw badAnswer(upstream, status, `what its schema refuses: ${faults.join('; ')}`)
}

function badAnswer(upstream: string, answered: number, reason: string): CallError {
  // Of one route: it says nothing about the others, so the circuit does not hear of it.
  return new CallError(
    'UPSTREAM_BAD_ANSWER',
    { upstream, answered, reason },
    { passing: false, sick: false },
  )
}

/** undefined for what is not JSON. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function errorAnswer({ status, body }: Answer): ErrorAnswer {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { status, code: null, problem: null }
  }
  const problem = value as Record<string, unknown>
  // Services that answer as a monolith always did put it one level down.
  const nested = problem.error as { code?: unknown } | null | undefined
  const code = problem.code ?? (typeof nested === 'object' ? nested?.code : undefined)
  return { status, code: typeof code === 'string' ? code : null, problem }
}

/** Retry-After in seconds or as a date (RFC 9110, 10.2.3), in ms from now; null without one. */
function retryAfter({ headers }: Answer): number | null {
  const given = headers['retry-after']
  if (typeof given !== 'string') return null
  if (/^\d+$/.test(given)) return Number(given) * 1000
  const date = Date.parse(given)
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now())
}
