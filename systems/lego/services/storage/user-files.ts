import { BanyanError } from '@banyan/contracts'
import { type App, ServiceError } from '@banyan/service'
import { create as contentDisposition } from 'content-disposition'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { FailureOfMonolith, idOf, PathId } from '../../monolith-shape.ts'
import { erase } from './erase.ts'
import { getOwn } from './files.ts'
import { type Context, partsOf } from './parts.ts'
import { contentOf, readToTheEnd } from './request-content.ts'
import { keyOf } from './stored-bytes.ts'
import { upload } from './upload.ts'

/** Pictures for their gallery, their wishlist, their profile: where what users keep for themselves stands. */
const USERS_PREFIX = 'gallery'
/** Bytes of one file. */
const LARGEST_BYTES = 10 * 1024 * 1024
/** As the monolith's folders take them, while it may have them back. */
const NAME = /^(?!\.)[^/\\\p{Cc}\p{Surrogate}]+$/u
const LONGEST_NAME = 200

const UserFile = z.object({
  id: z.uuid(),
  name: z.string(),
  size: z.int(),
  /** Of its content, hex. */
  sha256: z.string(),
})
const refusals = {
  400: FailureOfMonolith,
  413: FailureOfMonolith,
  415: FailureOfMonolith,
  422: FailureOfMonolith,
  503: FailureOfMonolith,
}

/** Refused in the words of the monolith, whose routes these were. */
class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly details: readonly { path: string; message: string }[] | undefined

  constructor(status: number, code: string, message: string, details?: Refused['details']) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

/** Everything under /v1/files: a user's own files, answered as the monolith does. */
export async function userFileRoutes(app: App, context: Context): Promise<void> {
  const parts = await partsOf(context)
  const { store } = parts
  readToTheEnd(app)
  // As they come: a hundred uploads at once are not a hundred files in memory.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, content, done) => done(null, content))

  app.post(
    '/',
    {
      schema: {
        summary: 'Keeps a file for the user; its body is the content',
        consumes: ['application/octet-stream'],
        querystring: z.looseObject({}),
        response: { 201: UserFile, ...refusals },
      },
    },
    (request, reply) =>
      asMonolith(reply, async () => {
        const fileName = nameOf(request)
        const declared = lengthOf(request)
        const row = await upload(
          context,
          parts,
          {
            ...{ ownerId: request.user.userId, prefix: USERS_PREFIX, fileName },
            ...{ contentType: 'application/octet-stream', watermark: false },
          },
          bounded(contentOf(request.body)),
          declared,
        )
        const { id, fileName: name, size, sha256 } = row
        return reply.status(201).send({ id, name, size, sha256: sha256! })
      }),
  )
  app.get(
    '/:id',
    {
      schema: {
        summary: "The content of a file of one's own",
        params: PathId,
        response: { 404: FailureOfMonolith },
      },
    },
    (request, reply) =>
      asMonolith(reply, async () => {
        const row = await getOwn(context.db, own(request, request.params.id))
        const { info, stream } = await store.get(keyOf(row, 'original'))
        // As a download, whatever it is: nothing that was uploaded may run on our origin.
        reply.header('content-disposition', contentDisposition(row.fileName))
        reply.type('application/octet-stream').header('content-length', info.size)
        return (reply as FastifyReply).send(stream)
      }),
  )
  app.delete(
    '/:id',
    {
      schema: {
        summary: "Deletes a file of one's own",
        params: PathId,
        response: { 204: z.null(), 404: FailureOfMonolith },
      },
    },
    (request, reply) =>
      asMonolith(reply, async () => {
        const { id } = await getOwn(context.db, own(request, request.params.id))
        // Another request may have been faster: then it is gone all the same.
        await erase(context, store, [id])
        return reply.status(204).send(null)
      }),
  )
}

function own({ user }: Pick<FastifyRequest, 'user'>, id: string) {
  return { id: idOf(id, 'file'), ownerId: user.userId, prefix: USERS_PREFIX } as const
}

/** The name that the file is to have. @throws Refused */
function nameOf({ headers, query }: Pick<FastifyRequest, 'headers' | 'query'>): string {
  const [type] = (headers['content-type'] ?? '').split(';', 1)
  if (type!.trim().toLowerCase() !== 'application/octet-stream') {
    throw new Refused(415, 'UNSUPPORTED_TYPE', 'A file is a body of application/octet-stream')
  }
  const { name } = query as { name?: unknown }
  const wrong = (message: string) =>
    new Refused(400, 'VALIDATION', 'The request is not valid', [{ path: 'name', message }])
  if (typeof name !== 'string') throw wrong('must be said')
  if (NAME.test(name) && Buffer.byteLength(name) <= LONGEST_NAME) return name
  throw wrong(
    `must be a name of 1 to ${LONGEST_NAME} bytes: no slash, no control character, no dot at its beginning`,
  )
}

/** Bytes that will come at most. @throws Refused */
function lengthOf({ headers }: Pick<FastifyRequest, 'headers'>): number {
  const length = headers['content-length']
  if (length === '0') throw noFile()
  const declared = length === undefined ? LARGEST_BYTES : Number(length)
  if (declared > LARGEST_BYTES) throw tooLarge()
  return declared
}

async function* bounded(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const part of content) {
    size += part.length
    if (size > LARGEST_BYTES) throw tooLarge()
    yield part
  }
  if (size === 0) throw noFile()
}

const noFile = () =>
  new Refused(400, 'NO_FILE', 'Send the file as a body of application/octet-stream')
const tooLarge = () =>
  new Refused(413, 'TOO_LARGE', `The file is larger than ${LARGEST_BYTES} bytes`)

/** Answers what is refused as `{error: {code, message, details?}}`. */
async function asMonolith<T>(reply: unknown, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const refused = refusalOf(error)
    if (!refused) throw error
    const { status, code, message, details } = refused
    const body = { error: { code, message, ...(details ? { details } : {}) } }
    return (reply as FastifyReply).status(status).send(body) as T
  }
}

function refusalOf(
  error: unknown,
): Pick<Refused, 'status' | 'code' | 'message' | 'details'> | null {
  if (error instanceof Refused) return error
  if (error instanceof ServiceError) {
    const { status, code, detail } = error.failure
    return { status, code, message: detail, details: undefined }
  }
  if (!(error instanceof BanyanError) || error.code !== 'NOT_FOUND') return null
  return { status: 404, code: 'NOT_FOUND', message: 'There is no such file', details: undefined }
}
