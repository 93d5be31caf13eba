import { SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import { ServiceTokens, SigningKey } from '@banyan/service/http'
import { request } from 'undici'
import { z } from 'zod'
import type { ResolvedIndex } from './plan.ts'

/** What a service answers of its index, to GET and to POST alike. */
const standing = z.object({
  /** The backfill this is about, by the name it was asked for with; null before the first. */
  run: z.string().nullable(),
  state: z.enum(['none', 'filling', 'complete', 'failed']),
  /** Documents taken over, and to be taken over as far as is known. */
  done: z.number().min(0),
  total: z.number().min(0),
  /** Age of the oldest change that the index does not have yet, ms; 0 when it has all, null when nobody knows. */
  lagMs: z.number().min(0).nullable(),
  /** Why it failed, in the service's words. */
  reason: z.string().nullable(),
})
export type IndexStanding = z.infer<typeof standing>

/** The subject of the engine's tokens. */
const ENGINE = 'banyan'
/** The engine asks twice a second, and must not wait for one answer while others pile up, ms. */
const ANSWER_MS = 3_000
/** Of an answer that is no standing, so much is told. */
const TOLD = 200

/** Asks the service of an extraction how its index stands. */
export class IndexClient {
  readonly #url: URL
  readonly #audience: string
  readonly #tokens: ServiceTokens | null

  constructor({ service, index: { path, token } }: Pick<ResolvedIndex, 'service' | 'index'>) {
    this.#url = new URL(path, service.url)
    this.#audience = token?.service ?? ''
    this.#tokens = token
      ? new ServiceTokens({
          name: ENGINE,
          issuer: token.issuer ?? 'banyan',
          key: new SigningKey(token.key),
        })
      : null
  }

  /** @throws Error that says what was answered instead. */
  ask(): Promise<IndexStanding> {
    return this.#call('GET')
  }

  /**
   * Has the index filled. The same run is begun once, however often it is asked for; one that failed goes on.
   *
   * @throws Error that says what was answered instead.
   */
  begin(run: string): Promise<IndexStanding> {
    return this.#call('POST', { run })
  }

  async #call(method: 'GET' | 'POST', body?: object): Promise<IndexStanding> {
    const { statusCode, body: answer } = await request(this.#url, {
      method,
      headers: {
        ...(this.#tokens ? { [SERVICE_TOKEN_HEADER]: await this.#tokens.for(this.#audience) } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
    })
    const text = await answer.text()
    const asked = `${method} ${this.#url.href}`
    if (statusCode >= 300)
      throw new Error(`${asked} answered ${statusCode}: ${text.slice(0, TOLD)}`)
    const parsed = standing.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    const { path, message } = parsed.error.issues[0]!
    throw new Error(`${asked} answered what it must not: ${path.join('.') || 'body'}: ${message}`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
