import { type App, bytes } from '@banyan/service'
import { create as contentDisposition } from 'content-disposition'
import { z } from 'zod'
import { idOf, PathId, readBodiesAsMonolith } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { creationRoutes } from './creation/routes.ts'
import { removeFiles } from './creation/saga.ts'
import * as files from './files.ts'
import { type FindMoc, openMocs } from './kept-mocs.ts'
import { checkLinks } from './links.ts'
import {
  AddedPartsList,
  FileForm,
  Moc,
  MocChange,
  MocFile,
  MocFiles,
  MocPage,
  MocQuery,
  NewMoc,
  PartsList,
  PartsListChange,
  PartsListForm,
  PartsListSummary,
  PartsLists,
} from './messages.ts'
import * as mocs from './mocs.ts'
import * as partsLists from './parts-lists.ts'
import { askingWith, takeUploads, uploadOf } from './upload.ts'

const ListPath = PathId.extend({ listId: z.string() })
const FilePath = PathId.extend({ fileId: z.string() })
const Gone = z.null()

/** Everything under /v1/mocs. Everybody sees a MOC; its owner changes it. */
export async function mocRoutes(app: App, context: Context): Promise<void> {
  readBodiesAsMonolith(app)
  const findMoc = openMocs(context)
  wholeRoutes(app, context, findMoc)
  partsListRoutes(app, context, findMoc)
  fileRoutes(app, context, findMoc)
  await app.register(async (uploads: App) => {
    takeUploads(uploads)
    uploadRoutes(uploads, context)
  })
  await app.register((creations: App) => creationRoutes(creations, context, findMoc))
}

function wholeRoutes(app: App, context: Context, findMoc: FindMoc): void {
  app.get(
    '/',
    {
      schema: {
        summary: 'MOCs, the newest first',
        querystring: MocQuery,
        response: { 200: MocPage },
      },
    },
    async (request, reply) => {
      const { user, query } = request
      const read = () => mocs.listMocs(context.db, user.userId, query)
      return query.mine === 'true' ? read() : context.answerTogether(request, reply, read)
    },
  )
  app.post(
    '/',
    { schema: { summary: 'Adds a MOC', body: NewMoc, response: { 201: Moc } } },
    async (request, reply) => {
      const { user, body } = request
      const verdicts = await checkLinks(context, body)
      return context.answerOnce(request, reply, 201, (tx) =>
        mocs.createMoc(tx, user.userId, body, verdicts),
      )
    },
  )
  app.get(
    '/:id',
    {
      schema: {
        summary: 'A MOC, with the images and albums it links',
        params: PathId,
        response: { 200: Moc },
      },
    },
    (request) => findMoc(request),
  )
  app.patch(
    '/:id',
    {
      schema: {
        summary: "Changes a MOC of one's own",
        params: PathId,
        body: MocChange,
        response: { 200: Moc },
      },
      // Here the id comes before the body: as the clients know it.
      preValidation: async ({ params }) => void idOf((params as { id: string }).id, 'MOC'),
    },
    async ({ user, params, body }) => {
      const id = idOf(params.id, 'MOC')
      const verdicts = await checkLinks(context, body)
      return context.transaction((tx) => mocs.changeMoc(tx, user.userId, id, body, verdicts))
    },
  )
  app.delete(
    '/:id',
    {
      schema: {
        summary: 'Deletes a MOC, with its parts lists and files',
        params: PathId,
        response: { 204: Gone },
      },
    },
    async ({ user, params }, reply) => {
      const id = idOf(params.id, 'MOC')
      await context.transaction(async (tx) => {
        const fileIds = [...(await mocs.deleteMoc(tx, user.userId, id))]
        if (fileIds.length > 0) await tx.startSaga(removeFiles(context), { fileIds })
      })
      return reply.status(204).send(null)
    },
  )
}

function partsListRoutes(app: App, context: Context, findMoc: FindMoc): void {
  app.get(
    '/:id/parts-lists',
    { schema: { summary: 'Parts lists of a MOC', params: PathId, response: { 200: PartsLists } } },
    async (request) => {
      const { id } = await findMoc(request)
      return partsLists.listPartsLists(context.db, id)
    },
  )
  app.get(
    '/:id/parts-lists/:listId',
    {
      schema: {
        summary: 'A parts list with its parts',
        params: ListPath,
        response: { 200: PartsList },
      },
    },
    ({ params: { id, listId } }) =>
      partsLists.getPartsList(context.db, idOf(id, 'MOC'), idOf(listId, 'parts list')),
  )
  app.patch(
    '/:id/parts-lists/:listId',
    {
      schema: {
        summary: 'Changes how much of a parts list is there, or its title',
        params: ListPath,
        body: PartsListChange,
        response: { 200: PartsListSummary },
      },
    },
    ({ user, params, body }) => {
      const [id, listId] = [idOf(params.id, 'MOC'), idOf(params.listId, 'parts list')]
      return context.transaction((tx) =>
        partsLists.changePartsList(tx, user.userId, id, listId, body),
      )
    },
  )
  app.delete(
    '/:id/parts-lists/:listId',
    { schema: { summary: 'Deletes a parts list', params: ListPath, response: { 204: Gone } } },
    async ({ user, params }, reply) => {
      const [id, listId] = [idOf(params.id, 'MOC'), idOf(params.listId, 'parts list')]
      await context.transaction((tx) => partsLists.deletePartsList(tx, user.userId, id, listId))
      return reply.status(204).send(null)
    },
  )
}

function fileRoutes(app: App, context: Context, findMoc: FindMoc): void {
  app.get(
    '/:id/files',
    { schema: { summary: 'Files of a MOC', params: PathId, response: { 200: MocFiles } } },
    async (request) => {
      const { id } = await findMoc(request)
      return files.listFiles(context.db, id)
    },
  )
  app.get(
    '/:id/files/:fileId',
    { schema: { summary: 'The content of a file', params: FilePath, response: { 200: bytes } } },
    async ({ params }, reply) => {
      const [id, fileId] = [idOf(params.id, 'MOC'), idOf(params.fileId, 'file')]
      const { content, fileName } = await files.readFile(context.db, id, fileId)
      // Never shown as what the uploader says it is: a script must not run on our origin.
      return reply
        .header('content-disposition', contentDisposition(fileName))
        .type('application/octet-stream')
        .send(content)
    },
  )
  app.delete(
    '/:id/files/:fileId',
    { schema: { summary: 'Deletes a file', params: FilePath, response: { 204: Gone } } },
    async ({ user, params }, reply) => {
      const [id, fileId] = [idOf(params.id, 'MOC'), idOf(params.fileId, 'file')]
      await context.transaction((tx) => files.deleteFile(tx, user.userId, id, fileId))
      return reply.status(204).send(null)
    },
  )
}

/** What comes as a form with a file. */
function uploadRoutes(app: App, context: Context): void {
  const consumes = ['multipart/form-data']
  app.post(
    '/:id/parts-lists',
    {
      schema: {
        summary: 'Adds a parts list, read from a file',
        consumes,
        params: PathId,
        body: PartsListForm,
        response: { 201: AddedPartsList },
      },
    },
    (request, reply) => {
      const id = idOf(request.params.id, 'MOC')
      const upload = uploadOf(request)
      const add = partsLists.readPartsList(upload, request.body)
      const asking = askingWith(request, [upload])
      return context.answerOnce(asking, reply, 201, (tx) => add(tx, request.user.userId, id))
    },
  )
  app.post(
    '/:id/files',
    {
      schema: {
        summary: 'Adds a file',
        consumes,
        params: PathId,
        body: FileForm,
        response: { 201: MocFile },
      },
    },
    (request, reply) => {
      const id = idOf(request.params.id, 'MOC')
      const upload = uploadOf(request)
      return context.answerOnce(askingWith(request, [upload]), reply, 201, (tx) =>
        files.addFile(tx, request.user.userId, id, upload, request.body),
      )
    },
  )
}
