import { type App, askAgain } from '@banyan/service'
import { z } from 'zod'
import { idOf, PathId } from '../../../monolith-shape.ts'
import type { Context } from '../context.ts'
import { fail } from '../fail.ts'
import type { FindMoc } from '../kept-mocs.ts'
import { Creation, CreationForm, DownloadUrl, type NewMoc, StoredMocFiles } from '../messages.ts'
import { askingWith, FormTurns } from '../upload.ts'
import { getCreation, stage } from './creations.ts'
import { Endings } from './endings.ts'
import { takeForms, uploadsOf, waitedMsOf } from './form.ts'
import { createMocWithFiles } from './saga.ts'
import { stagedBytes } from './staged-bytes.ts'
import { downloadUrl, listStoredFiles, processingOf, storageOf } from './stored-files.ts'

/** A MOC created together with its files, and what Storage holds of it. */
export async function creationRoutes(app: App, context: Context, findMoc: FindMoc): Promise<void> {
  app.get(
    '/:id/creation',
    {
      schema: {
        summary: 'How the creation of a MOC with its files stands, for its owner',
        params: PathId,
        response: { 200: Creation },
      },
    },
    async ({ user, params }, reply) => {
      const mocId = idOf(params.id, 'creation')
      const { creation, begunAt } = await getCreation(context.db, user.userId, mocId)
      if (creation.status === 'creating') askAgain(reply, begunAt)
      return creation
    },
  )
  app.get(
    '/:id/stored-files',
    {
      schema: {
        summary: 'Files of a MOC that File Storage holds',
        params: PathId,
        response: { 200: StoredMocFiles },
      },
    },
    async (request) => {
      const { id } = await findMoc(request)
      return listStoredFiles(context.db, id)
    },
  )
  app.get(
    '/:id/stored-files/:fileId/download-url',
    {
      schema: {
        summary: 'An address to download a file from, for some minutes',
        params: PathId.extend({ fileId: z.string() }),
        response: { 200: DownloadUrl },
      },
    },
    ({ params }) => downloadUrl(context, idOf(params.id, 'MOC'), idOf(params.fileId, 'file')),
  )
  await app.register(async (forms: App) => {
    // Before any of its bytes is read.
    forms.addHook('onRequest', async () => {
      storageOf(context)
      processingOf(context)
    })
    takeForms(forms, turnsOf(context))
    createRoute(forms, context, new Endings(context.db))
  })
}

/** Turns in which forms give way to requests that wait for a connection to the database. */
const turnsOf = ({ pool }: Context) => new FormTurns({ othersWait: () => pool.waitingCount > 0 })

function createRoute(app: App, context: Context, endings: Endings): void {
  const turns = turnsOf(context)
  app.post(
    '/with-files',
    {
      schema: {
        summary: 'Adds a MOC together with its files: all of it, or nothing',
        consumes: ['multipart/form-data'],
        body: CreationForm,
        response: { 201: Creation, 202: Creation },
      },
    },
    async (request, reply) => {
      const ownerId = request.user.userId
      const mocId = await turns.take(
        () => accept(context, request, ownerId, request.body.metadata),
        waitedMsOf(request),
      )
      // Whoever has waited for a turn already waits no longer than others.
      const leftMs = context.config.CREATION_WAIT_MS - reply.elapsedTime
      if (request.headers.prefer !== 'respond-async' && leftMs > 0) {
        await endings.wait(mocId, leftMs)
      }
      const { creation, begunAt } = await getCreation(context.db, ownerId, mocId)
      const { status, problem } = creation
      if (status === 'failed') {
        const reason = problem?.message ?? 'it took too long'
        throw fail(problem?.refused ? 'CREATION_REFUSED' : 'CREATION_FAILED', { reason })
      }
      if (status === 'creating') askAgain(reply, begunAt)
      // Relative: whatever path the gateway has it under.
      const [code, location] = status === 'creating' ? [202, `${mocId}/creation`] : [201, mocId]
      return reply
        .status(code as 202)
        .header('location', location)
        .send(creation)
    },
  )
}

type Asking = Parameters<Context['answerOnce']>[0] & Parameters<typeof uploadsOf>[0]

/** Writes the request down and starts the saga; once for an Idempotency-Key. @returns the MOC's id */
async function accept(
  context: Context,
  request: Asking,
  ownerId: string,
  wanted: NewMoc,
): Promise<string> {
  const uploads = uploadsOf(request)
  // None where the request was sent before: its files have the ids that they were given then.
  let staged: string[] = []
  // What is kept for the key is which MOC it is; the answer itself says how that stands by now.
  const mocId = await context.doOnce(askingWith(request, uploads), async (tx) => {
    const id = crypto.randomUUID()
    staged = await stage(tx, { mocId: id, ownerId, wanted }, uploads)
    await tx.startSaga(createMocWithFiles(context), { mocId: id, fileIds: staged }, { key: id })
    return id
  })
  const bytes = stagedBytes(context)
  for (const [at, id] of staged.entries()) bytes.keep(id, uploads[at]!.content)
  return mocId
}
