import { z } from 'zod'
import type { Settings } from './settings.ts'

/** What the page tells of an OpenAPI document; what else it has stays in it. */
const OpenApi = z.looseObject({
  openapi: z.string().regex(/^3\./, 'is no OpenAPI 3 document'),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
})
export type OpenApi = z.infer<typeof OpenApi>

export interface Listed {
  readonly name: string
  /** Of the service. */
  readonly url: string
  /** The last one it answered; null before it has answered once. */
  readonly document: OpenApi | null
  /** Why there is none now; null where there is. */
  readonly fault: string | null
}

/** How long a service may take to answer its document, ms. */
const ANSWER_MS = 2_000
/** Of one document, bytes; those of ours have 20,000 to 100,000. */
const LARGEST_BYTES = 4 * 1024 * 1024
/** How old what is shown may be, ms. */
const FRESH_MS = 10_000

/** The services' documents, asked for when somebody looks, and not more often than that is worth. */
export class Documents {
  readonly #services: Settings['SERVICES']
  readonly #now: () => number
  readonly #last = new Map<string, OpenApi>()
  #asked: { at: number; listed: Promise<readonly Listed[]> } | null = null

  /** @param now ms on a monotonic clock; for tests */
  constructor(services: Settings['SERVICES'], now: () => number = () => performance.now()) {
    this.#services = services
    this.#now = now
  }

  list(): Promise<readonly Listed[]> {
    const now = this.#now()
    if (this.#asked === null || now - this.#asked.at > FRESH_MS) {
      this.#asked = { at: now, listed: Promise.all(this.#services.map((one) => this.#ask(one))) }
    }
    return this.#asked.listed
  }

  async #ask({ name, url }: Settings['SERVICES'][number]): Promise<Listed> {
    try {
      const document = OpenApi.parse(await readJson(`${url}/openapi.json`))
      this.#last.set(name, document)
      return { name, url, document, fault: null }
    } catch (error) {
      return { name, url, document: this.#last.get(name) ?? null, fault: reasonOf(error) }
    }
  }
}

async function readJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
  if (!answer.ok) throw new Error(`answered ${answer.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > LARGEST_BYTES) throw new Error(`is larger than ${LARGEST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return 'is no OpenAPI 3 document'
  if (error instanceof SyntaxError) return 'is no JSON'
  const { name, message } = error as Error
  if (name === 'TimeoutError') return `did not answer within ${ANSWER_MS} ms`
  // What undici says of a socket is in the cause, and nothing the reader can use.
  return message === 'fetch failed' ? 'cannot be reached' : message
}
