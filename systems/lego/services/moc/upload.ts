import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type App, ServiceError } from '@banyan/service'
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

/** Forms with one file that a process holds: 400 MiB at most. */
const MOST_AT_ONCE = 40

const uploads = new WeakMap<IncomingMessage, Upload>()

/** Has the routes of `app` take a form with one file, called `file`; the other fields are the body. */
export function takeUploads(app: App): void {
  holdAtMost(app, MOST_AT_ONCE)
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

/** Refuses further forms while `most` are held: each stands in memory until it is answered. */
export function holdAtMost(app: App, most: number): void {
  let held = 0
  app.addHook('onRequest', async ({ headers }, { raw: answer }) => {
    if (!headers['content-type']?.startsWith('multipart/')) return
    if (held >= most) throw fail('TOO_MANY_UPLOADS')
    held += 1
    answer.once('close', () => {
      held -= 1
    })
  })
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
