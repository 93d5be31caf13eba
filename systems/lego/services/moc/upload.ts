import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type App, Bulkhead, ServiceError } from '@banyan/service'
import multer from 'multer'
import type { Context } from './context.ts'
import { fail } from './fail.ts'

/** One uploaded file, held in memory: at most `LARGEST_BYTES`. */
export interface Upload {
  readonly name: string
  readonly mimeType: string
  readonly content: Buffer
}

export const LARGEST_BYTES = 10 * 1024 * 1024
export const LONGEST_NAME = 200

const receive = multer({
  storage: multer.memoryStorage(),
  limits: { fileSize: LARGEST_BYTES, files: 1, fields: 10 },
}).single('file')

const uploads = new WeakMap<IncomingMessage, Upload>()

/** Has the routes of `app` take a form with one file, called `file`; the other fields are the body. */
export function takeUploads(app: App): void {
  holdAtMost(app, LARGEST_BYTES)
  app.addContentTypeParser(/^multipart\//, ({ raw }, _payload, done) => {
    // It asks no more of its request and its reply than Node's have.
    receive(raw as never, undefined as never, (error: unknown) => {
      if (error !== undefined) return done(refusal(error as Error))
      const { file, body } = raw as { file?: Express.Multer.File; body?: object }
      if (file) {
        const { originalname, mimetype: mimeType, buffer: content } = file
        uploads.set(raw, { name: originalname.slice(0, LONGEST_NAME), mimeType, content })
      }
      done(null, { ...body })
    })
  })
}

/** Bytes of forms that a process holds for `app`'s routes at a time. */
const MOST_HELD_BYTES = 400 * 1024 * 1024

/**
 * Refuses further forms while as many bytes are held as a process may: each form stands in memory until it is
 * answered, and counts as what it says it has. So a hundred small ones may come together, and few large ones.
 *
 * @param largest what one may have; one that does not say counts as that
 */
export function holdAtMost(app: App, largest: number): void {
  let held = 0
  app.addHook('onRequest', async ({ headers }, { raw: answer }) => {
    if (!headers['content-type']?.startsWith('multipart/')) return
    const bytes = Math.min(Number(headers['content-length'] ?? largest), largest)
    if (held + bytes > MOST_HELD_BYTES) throw fail('TOO_MANY_UPLOADS')
    held += bytes
    answer.once('close', () => {
      held -= bytes
    })
  })
}

/** For a form's turns to come, ms: less than a gateway waits for an answer to one. */
export const TURN_MS = 50_000
/** For a whole form to arrive, ms: what waits for its turn is not read, and then it may come over a slow line. */
export const FORM_MS = TURN_MS + 30_000
/** Pause after a turn, as so many times as it took: a ninth of the time is for forms. */
const PAUSE = 8
const LONGEST_PAUSE_MS = 250
/** Then it is the next one's turn though this one goes on: a form that comes over a slow line keeps nobody waiting. */
const LONGEST_TURN_MS = 2_000
/** Of the time that a form's turn may be waited for, that in which all who wait begin theirs. */
const IN_TIME = 4 / 5
/** Of the same, that in which forms give way to whoever waits for something else. */
const GIVEN = 1 / 5
const LOOK_EVERY_MS = 20

/** How long it is nobody's turn after one that took so long, where the next ones have to begin `shareMs` apart; ms. */
export function pauseAfter(tookMs: number, shareMs: number): number {
  return Math.max(0, Math.min(PAUSE * tookMs, LONGEST_PAUSE_MS, shareMs - tookMs))
}

export interface TurnOptions {
  /** How long a form may wait for its turn, ms. */
  readonly turnMs?: number
  /** How long one may keep the others waiting, ms. */
  readonly longestMs?: number
  /** Whether requests that are no forms wait for something here; by default none does. */
  readonly othersWait?: () => boolean
}

/**
 * Forms are read, or written down, one after the other, with pauses, and while nobody else waits: a hundred that come at
 * once would keep everybody waiting, who want to know something small.
 */
export class FormTurns {
  // The bytes of all that wait are bounded, see `holdAtMost`.
  readonly #place = new Bulkhead({ concurrency: 1, queue: Number.POSITIVE_INFINITY })
  /** Of those that wait, when each began to; in that order. */
  readonly #since = new Set<{ readonly at: number }>()
  readonly #turnMs: number
  readonly #longestMs: number
  readonly #othersWait: () => boolean

  constructor(options: TurnOptions = {}) {
    this.#turnMs = options.turnMs ?? TURN_MS
    this.#longestMs = options.longestMs ?? LONGEST_TURN_MS
    this.#othersWait = options.othersWait ?? (() => false)
  }

  /**
   * @param waitedMs of the time that a form may wait it has waited for so long already, elsewhere
   * @throws ServiceError TOO_MANY_UPLOADS where its turn does not come in time; or what `work` throws
   */
  async take<R>(work: () => Promise<R>, waitedMs = 0): Promise<R> {
    const late = AbortSignal.timeout(Math.max(0, Math.round(this.#turnMs - waitedMs)))
    const since = { at: performance.now() - waitedMs }
    this.#since.add(since)
    await this.#place
      .enter(late)
      .catch(() => {
        throw fail('TOO_MANY_UPLOADS')
      })
      .finally(() => this.#since.delete(since))
    const leave = this.#turn()
    try {
      return await work()
    } finally {
      leave()
    }
  }

  /** @returns ends the turn that begins now, unless it has taken too long and is over */
  #turn(): () => void {
    const began = performance.now()
    let over = false
    const leave = () => {
      if (over) return
      over = true
      clearTimeout(tooLong)
      setTimeout(() => this.#next(), pauseAfter(performance.now() - began, this.#shareMs))
    }
    const tooLong = setTimeout(leave, Math.min(this.#longestMs, this.#shareMs))
    return leave
  }

  /** From one turn to the next at most, so that all who wait now begin theirs in time; ms. */
  get #shareMs(): number {
    return Math.max(0, this.#turnMs * IN_TIME - this.#ageMs) / this.#since.size
  }

  /** Gives the place to the next, as soon as nobody else waits. */
  #next(): void {
    if (this.#othersWait() && this.#ageMs < this.#turnMs * GIVEN) {
      setTimeout(() => this.#next(), LOOK_EVERY_MS)
      return
    }
    this.#place.leave()
  }

  /** How long the first of those that wait has waited, ms. */
  get #ageMs(): number {
    const [first] = this.#since
    return first ? performance.now() - first.at : 0
  }
}

/** The file that came with the request. @throws ServiceError NO_FILE */
export function uploadOf({ raw }: { readonly raw: IncomingMessage }): Upload {
  const upload = uploads.get(raw)
  if (!upload) throw fail('NO_FILE')
  return upload
}

type Asking = Parameters<Context['answerOnce']>[0]

/**
 * The request, as `answerOnce` compares it with one of the same Idempotency-Key: its body is its fields, and
 * the same fields with another file are another request.
 */
export function askingWith(request: Asking, uploads: readonly Upload[]): Asking {
  const { method, url, headers, routeOptions, body } = request
  // Hashing takes its time: only where somebody compares.
  if (headers['idempotency-key'] === undefined) return request
  const files = uploads.map(({ name, mimeType, content }) => {
    return [name, mimeType, createHash('sha256').update(content).digest('hex')]
  })
  return { method, url, headers, routeOptions, body: { fields: body, files } }
}

/** A form that cannot be read is the client's fault, whatever the reader throws for it. */
export function refusal(error: Error): ServiceError {
  if (error instanceof ServiceError) return error
  const code = error instanceof multer.MulterError ? error.code : 'BAD_FORM'
  const status = code === 'LIMIT_FILE_SIZE' ? 413 : 400
  const title = 'The upload is refused'
  return new ServiceError(
    { status, code, title, detail: error.message, domain: 'moc', values: {} },
    { cause: error },
  )
}
