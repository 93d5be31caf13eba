import type { IncomingMessage } from 'node:http'
import type { App } from '@banyan/service'
import multer from 'multer'
import { MAX_INLINE_BYTES } from '../../processing/client.ts'
import { fail } from '../fail.ts'
import { FILE_KINDS } from '../messages.ts'
import {
  type FormTurns,
  holdAtMost,
  LARGEST_BYTES,
  LONGEST_NAME,
  refusal,
  type Upload,
} from '../upload.ts'

export interface KindOfUpload extends Upload {
  readonly kind: (typeof FILE_KINDS)[number]
}

const MOST_FILES = 10
/** Of a whole form: it is held in memory until it is written down. */
const MOST_BYTES = 25 * 1024 * 1024

/** What Storage takes as a media type; anything else is bytes. */
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+$/

const receive = multer({
  storage: multer.memoryStorage(),
  defParamCharset: 'utf8',
  limits: { fileSize: LARGEST_BYTES, files: MOST_FILES, fields: 10 },
  fileFilter: (_request, { fieldname }, done) => {
    if (isKind(fieldname)) return done(null, true)
    done(fail('UNKNOWN_KIND', { kinds: FILE_KINDS.join(', '), given: fieldname }))
  },
} as multer.Options).any()

const received = new WeakMap<IncomingMessage, readonly KindOfUpload[]>()
const waited = new WeakMap<IncomingMessage, number>()

/**
 * Has the routes of `app` take a form with files, each named by its kind; the other fields are the body.
 *
 * @param turns in which they are read
 */
export function takeForms(app: App, turns: FormTurns): void {
  app.addHook('onRequest', async ({ method, headers }) => {
    if (method !== 'POST') return
    const given = Number(headers['content-length'])
    // Only a length that is said beforehand bounds what comes.
    if (!Number.isInteger(given)) throw fail('UPLOAD_OF_UNKNOWN_LENGTH', { most: MOST_BYTES })
    if (given > MOST_BYTES) throw fail('UPLOAD_TOO_LARGE', { most: MOST_BYTES, given })
  })
  holdAtMost(app, MOST_BYTES)
  // What waits for its turn is not read: it stands at its sender.
  app.addContentTypeParser(/^multipart\//, ({ raw }: { raw: IncomingMessage }) => {
    const came = performance.now()
    return turns.take(() => {
      waited.set(raw, performance.now() - came)
      return read(raw)
    })
  })
}

/** For how long the form of a request waited until it was read, ms; what its client took to send it is not in it. */
export function waitedMsOf({ raw }: { readonly raw: IncomingMessage }): number {
  return waited.get(raw) ?? 0
}

/** Reads the whole form. @returns its fields */
function read(raw: IncomingMessage & { files?: Express.Multer.File[]; body?: object }) {
  return new Promise<object>((resolve, reject) => {
    // While it waited for its turn its client may have left, of which multer would hear nothing.
    if (raw.destroyed) return reject(refusal(new Error('The upload was broken off')))
    // It asks no more of its request and its reply than Node's have.
    receive(raw as never, undefined as never, (error: unknown) => {
      if (error) return reject(refusal(error as Error))
      received.set(raw, (raw.files ?? []).map(uploadOf))
      resolve({ ...raw.body })
    })
  })
}

/**
 * The files that came with the request.
 *
 * @throws ServiceError NO_FILE, PARTS_LIST_TOO_LARGE
 */
export function uploadsOf({ raw }: { readonly raw: IncomingMessage }): readonly KindOfUpload[] {
  const uploads = received.get(raw) ?? []
  if (uploads.length === 0) throw fail('NO_FILE')
  for (const { kind, name, content } of uploads) {
    if (kind !== 'parts-list' || content.length <= MAX_INLINE_BYTES) continue
    const given = content.length
    throw fail('PARTS_LIST_TOO_LARGE', { most: MAX_INLINE_BYTES, name, given })
  }
  return uploads
}

function uploadOf({
  fieldname,
  originalname,
  mimetype,
  buffer,
}: Express.Multer.File): KindOfUpload {
  const name = originalname
    .replace(/[/\\\p{Cc}\p{Surrogate}]/gu, '_')
    .slice(0, LONGEST_NAME)
    .trim()
  return {
    kind: fieldname as KindOfUpload['kind'],
    name: name || fieldname,
    mimeType: MEDIA_TYPE.test(mimetype) ? mimetype : 'application/octet-stream',
    content: buffer,
  }
}

function isKind(name: string): name is KindOfUpload['kind'] {
  return (FILE_KINDS as readonly string[]).includes(name)
}
