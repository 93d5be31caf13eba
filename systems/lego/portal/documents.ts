import { z } from 'zod'
import { readText, reasonOf } from './ask.ts'
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
      const document = OpenApi.parse(
        JSON.parse(await readText(`${url}/openapi.json`, LARGEST_BYTES)),
      )
      this.#last.set(name, document)
      return { name, url, document, fault: null }
    } catch (error) {
      return { name, url, document: this.#last.get(name) ?? null, fault: reasonOf(error) }
    }
  }
}
