import { request } from 'undici'

interface OutboundRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** From the first attempt to connect to the last byte of the answer, ms. */
  readonly timeoutMs: number
  /** Bytes of an answer; a longer one is refused. */
  readonly mostBytes: number
  readonly signal?: AbortSignal
}

export interface OutboundAnswer {
  readonly status: number
  readonly text: string
}

/**
 * One request to somebody else's server: no redirect is followed, and it ends in time whatever is answered.
 *
 * @throws Error that says what came instead of an answer.
 */
export async function send(outbound: OutboundRequest): Promise<OutboundAnswer> {
  const { method, url, headers, body, timeoutMs, mostBytes, signal } = outbound
  const late = AbortSignal.timeout(timeoutMs)
  try {
    const answer = await request(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > mostBytes) throw new Error(`its answer is longer than ${mostBytes} bytes`)
      chunks.push(chunk)
    }
    return { status: answer.statusCode, text: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    if (late.aborted) throw new Error(`no answer within ${timeoutMs} ms`)
    const { message, code } = error as Error & { code?: string }
    throw new Error(message || code || 'no answer')
  }
}

/** A secret by the name of its variable: plans are read by many. @throws Error that names the variable */
export function secretOf(variable: string): string {
  const value = process.env[variable]
  if (value) return value
  throw new Error(`the environment variable ${variable} is not set`)
}

/** Whatever somebody else's server said, as a part of one line: without control characters, cut off. */
export function quoted(text: string, most = 200): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}
