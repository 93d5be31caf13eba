import { type Request, Router } from 'express'
import multer from 'multer'
import type { Database } from '../db/connect.ts'
import { userOf } from '../http/auth.ts'
import { HttpError } from '../http/errors.ts'
import { idParam, read } from '../http/validate.ts'
import type { Services } from '../services/services.ts'
import { addFile, deleteFile, FileForm, listFiles, readFile } from './files.ts'
import {
  changeMoc,
  createMoc,
  deleteMoc,
  getMoc,
  listMocs,
  MocChange,
  MocQuery,
  NewMoc,
} from './mocs.ts'
import {
  addPartsList,
  changePartsList,
  deletePartsList,
  getPartsList,
  listPartsLists,
  PartsListChange,
  PartsListForm,
} from './parts-lists.ts'
import type { Upload } from './upload.ts'

const upload = multer({
  storage: multer.memoryStorage(),
  limits: { fileSize: 10 * 1024 * 1024, files: 1, fields: 10 },
}).single('file')

export function mocRoutes(db: Database, services: Services): Router {
  const router = Router()
  const moc = (req: Request) => idParam(req.params.id, 'MOC')

  router.get('/', async (req, res) => {
    res.json(await listMocs(db, userOf(req).id, read(MocQuery, req.query)))
  })
  router.post('/', async (req, res) => {
    res.status(201).json(await createMoc(db, userOf(req).id, read(NewMoc, req.body)))
  })
  router.get('/:id', async (req, res) => {
    res.json(await getMoc(db, moc(req)))
  })
  router.patch('/:id', async (req, res) => {
    res.json(await changeMoc(db, userOf(req).id, moc(req), read(MocChange, req.body)))
  })
  router.delete('/:id', async (req, res) => {
    await deleteMoc(db, services, userOf(req).id, moc(req))
    res.status(204).end()
  })

  const partsList = (req: Request) => idParam(req.params.listId, 'parts list')

  router.get('/:id/parts-lists', async (req, res) => {
    res.json(await listPartsLists(db, (await getMoc(db, moc(req))).id))
  })
  router.post('/:id/parts-lists', upload, async (req, res) => {
    const form = read(PartsListForm, req.body)
    const added = await addPartsList(db, services, userOf(req).id, moc(req), uploaded(req), form)
    res.status(201).json(added)
  })
  router.get('/:id/parts-lists/:listId', async (req, res) => {
    res.json(await getPartsList(db, moc(req), partsList(req)))
  })
  router.patch('/:id/parts-lists/:listId', async (req, res) => {
    const change = read(PartsListChange, req.body)
    res.json(await changePartsList(db, userOf(req).id, moc(req), partsList(req), change))
  })
  router.delete('/:id/parts-lists/:listId', async (req, res) => {
    await deletePartsList(db, userOf(req).id, moc(req), partsList(req))
    res.status(204).end()
  })

  const file = (req: Request) => idParam(req.params.fileId, 'file')

  router.get('/:id/files', async (req, res) => {
    res.json(await listFiles(db, (await getMoc(db, moc(req))).id))
  })
  router.post('/:id/files', upload, async (req, res) => {
    const form = read(FileForm, req.body)
    const added = await addFile(db, services, userOf(req).id, moc(req), uploaded(req), form)
    res.status(201).json(added)
  })
  router.get('/:id/files/:fileId', async (req, res) => {
    const { content, fileName } = await readFile(db, moc(req), file(req))
    // Never shown as what the uploader says it is: a script must not run on our origin.
    res.attachment(fileName).type('application/octet-stream').send(content)
  })
  router.delete('/:id/files/:fileId', async (req, res) => {
    await deleteFile(db, services, userOf(req).id, moc(req), file(req))
    res.status(204).end()
  })

  return router
}

function uploaded(req: Request): Upload {
  if (!req.file) {
    throw new HttpError(400, 'NO_FILE', 'Send the file as "file" of a multipart/form-data body')
  }
  const { originalname, mimetype, buffer } = req.file
  return { name: originalname.slice(0, 200), mimeType: mimetype, content: buffer }
}
