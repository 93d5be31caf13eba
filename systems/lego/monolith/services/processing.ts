import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { HttpError } from '../http/errors.ts'
import { mergeLots, type Part, type PartsFormat, type Rejected } from '../mocs/parts.ts'
import type { Upload } from '../mocs/upload.ts'
import { ServiceAway, type ServiceCaller, ServiceRefused } from './caller.ts'

/** What the service takes with a request. */
const MOST_BYTES = 4 * 1024 * 1024
const CALL_MS = 3_000
/** Between two looks at a job, ms; most lists are read at once. */
const LOOK_MS = { first: 20, most: 250 }
const PAGE = 1_000

const Job = z.object({
  jobId: z.string(),
  state: z.string(),
  failure: z.object({ code: z.string(), message: z.string() }).nullish(),
})
const Lots = z.object({
  lots: z.array(
    z.object({
      ids: z.record(z.string(), z.string()),
      element: z.string().nullable(),
      colour: z.looseObject({ system: z.string(), id: z.number().optional() }).nullable(),
      quantity: z.number(),
      spare: z.boolean(),
      name: z.string().nullable(),
      part: z.string().nullable(),
      partColour: z.number().nullable(),
    }),
  ),
  next: z.number().nullable(),
})
type Lot = z.infer<typeof Lots>['lots'][number]
const Problems = z.object({
  problems: z.array(z.object({ line: z.number(), message: z.string() })),
  next: z.number().nullable(),
})

export interface ReadList {
  readonly format: PartsFormat
  readonly parts: Part[]
  readonly rejected: Rejected[]
}

/** Why the list has to be read here. */
export interface NotRead {
  readonly why: 'unsupported' | 'too large' | 'away'
}

/** Has parts lists read by the File Processing Service. */
export class Processing {
  readonly #service: ServiceCaller
  readonly #waitMs: number

  constructor(service: ServiceCaller, waitMs: number) {
    this.#service = service
    this.#waitMs = waitMs
  }

  /** @throws HttpError where it says that the file cannot be read, by whomever */
  async read(
    ownerId: string,
    { name: fileName, content }: Upload,
    format: PartsFormat | undefined,
  ): Promise<ReadList | NotRead> {
    if (content.length > MOST_BYTES) return { why: 'too large' }
    if (content.length === 0) throw unreadable('The file is empty')
    let jobId: string | null = null
    try {
      const file = { fileName, content: content.toString('base64'), ...(format ? { format } : {}) }
      const begun = await this.#ask('POST', 'process-file', Job.omit({ failure: true }), {
        ...{ ownerId, ...file },
      })
      jobId = begun.jobId
      const { state, failure } = await this.#ended(jobId)
      if (state === 'completed') return await this.#listOf(jobId)
      if (failure?.code === 'UNSUPPORTED_FORMAT') return { why: 'unsupported' }
      // Not the file's fault.
      const own = ['INTERNAL', 'GAVE_UP', 'FILE_UNREACHABLE', 'CANCELLED']
      if (!failure || own.includes(failure.code)) return { why: 'away' }
      throw unreadable(failure.message)
    } catch (error) {
      if (error instanceof HttpError) throw error
      if (jobId) void this.#cancel(jobId)
      // A name it does not take, or a way of asking it does not know (yet): the list may be a good one.
      const passing = error instanceof ServiceAway || error instanceof ServiceRefused
      if (!passing && !(error instanceof z.ZodError)) throw error
      const what = 'a parts list is read here'
      console.error(JSON.stringify({ level: 'warn', what, message: error.message }))
      return { why: 'away' }
    }
  }

  async #ended(jobId: string): Promise<z.infer<typeof Job>> {
    const deadline = Date.now() + this.#waitMs
    for (let waitMs = LOOK_MS.first; ; waitMs = Math.min(LOOK_MS.most, waitMs * 2)) {
      const job = await this.#ask('GET', `jobs/${jobId}`, Job)
      if (!['queued', 'running'].includes(job.state)) return job
      if (Date.now() + waitMs > deadline) {
        throw new ServiceAway(`processing has not read it within ${this.#waitMs} ms`)
      }
      await delay(waitMs)
    }
  }

  async #listOf(jobId: string): Promise<ReadList> {
    const lots: Lot[] = []
    for (let after: number | null = -1; after !== null; ) {
      const page: z.infer<typeof Lots> = await this.#ask(
        'GET',
        `jobs/${jobId}/lots?after=${after}&limit=${PAGE}`,
        Lots,
      )
      lots.push(...page.lots)
      after = page.next
    }
    const { problems } = await this.#ask('GET', `jobs/${jobId}/problems?limit=${PAGE}`, Problems)
    const rejected = problems.map(({ line, message }) => ({ at: line, reason: message }))
    return { ...partsOf(lots), rejected }
  }

  async #cancel(jobId: string): Promise<void> {
    await this.#service.call('POST', `/internal/v1/jobs/${jobId}/cancel`, CALL_MS, {}).catch(() => {
      // It has ended by itself, or the service is away: nobody asks for what it finds.
    })
  }

  async #ask<T>(
    method: 'GET' | 'POST',
    path: string,
    answer: z.ZodType<T>,
    body?: object,
  ): Promise<T> {
    return answer.parse(await this.#service.call(method, `/internal/v1/${path}`, CALL_MS, body))
  }
}

/** In BrickLink's numbers where the file has them for all, else in Rebrickable's, as far as they are known. */
function partsOf(lots: readonly Lot[]): Pick<ReadList, 'format' | 'parts'> {
  const system = lots.every(({ ids }) => ids.bricklink !== undefined) ? 'bricklink' : 'rebrickable'
  const parts = lots.map(({ ids, part, partColour, element, name, colour, quantity, spare }) => {
    const own = colour?.system === system ? (colour.id ?? null) : null
    const number = ids[system] ?? part ?? Object.values(ids)[0] ?? element ?? name ?? 'unknown'
    const color = own ?? (system === 'rebrickable' ? partColour : null)
    return { part: number, color, quantity, spare }
  })
  return {
    format: system === 'bricklink' ? 'bricklink-xml' : 'rebrickable-csv',
    parts: mergeLots(parts),
  }
}

function unreadable(message: string): HttpError {
  return new HttpError(422, 'UNREADABLE_PARTS_LIST', message)
}
