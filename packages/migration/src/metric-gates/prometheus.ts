import { z } from 'zod'
import { quoted, secretOf, send } from '../outbound.ts'
import type { PrometheusSource } from './setting.ts'

/** A gate asks for one figure, or a few: more series than fit here are a query that forgot to sum up. */
const MOST_BYTES = 1024 * 1024

const sample = z.tuple([z.number(), z.string()])
const answer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(z.object({ value: sample })),
      }),
      z.object({ resultType: z.literal('scalar'), result: sample }),
    ]),
  }),
])

/**
 * Evaluates the query now: one value for each series, at least one.
 *
 * @throws Error that says why there is none.
 */
export async function askPrometheus(
  source: PrometheusSource,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { url, query, window = '' } = source
  const { status, text } = await send({
    method: 'POST',
    url: `${url.replace(/\/+$/, '')}/api/v1/query`,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...authorization(source),
    },
    body: new URLSearchParams({
      query: query.replaceAll('$window', window),
      timeout: `${timeoutMs}ms`,
    }).toString(),
    timeoutMs,
    mostBytes: MOST_BYTES,
    signal,
  })
  const parsed = answer.safeParse(json(text))
  if (!parsed.success) {
    throw new Error(`Prometheus answered ${status} with no instant vector: ${quoted(text)}`)
  }
  const { data } = parsed
  if (data.status === 'error') {
    throw new Error(`Prometheus says ${data.errorType}: ${quoted(data.error)}`)
  }
  const found = data.data
  const values =
    found.resultType === 'scalar' ? [found.result] : found.result.map((one) => one.value)
  if (values.length === 0) throw new Error('the query finds no series')
  const numbers = values.map(([, value]) => numberOf(value))
  if (numbers.some(Number.isNaN)) throw new Error('the query finds no number (NaN)')
  return numbers
}

function authorization({ auth }: PrometheusSource): Record<string, string> {
  if (!auth) return {}
  if ('token' in auth) return { authorization: `Bearer ${secretOf(auth.token)}` }
  const credentials = Buffer.from(`${auth.user}:${secretOf(auth.password)}`).toString('base64')
  return { authorization: `Basic ${credentials}` }
}

/** Prometheus writes `+Inf`, where JavaScript has `Infinity`. */
function numberOf(text: string): number {
  return Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'))
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
