import { pipeline } from 'node:stream/promises'
import { type Request, Router } from 'express'
import { z } from 'zod'
import { userOf } from '../http/auth.ts'
import { HttpError } from '../http/errors.ts'
import { idParam, read } from '../http/validate.ts'
import { LARGEST_BYTES, noFile, tooLarge, UserFiles } from './user-files.ts'

/** What a folder takes, and a browser saves a file as. */
const NAME = /^(?!\.)[^/\\\p{Cc}\p{Surrogate}]+$/u
const LONGEST_NAME = 200
const FileQuery = z.object({
  name: z
    .string('must be said')
    .refine((name) => NAME.test(name) && Buffer.byteLength(name) <= LONGEST_NAME, {
      error: `must be a name of 1 to ${LONGEST_NAME} bytes: no slash, no control character, no dot at its beginning`,
    }),
})

/** Files that users keep for themselves: pictures for their gallery, their wishlist, their profile. */
export function userFileRoutes(folder: string): Router {
  const router = Router()
  const files = new UserFiles(folder)
  const file = (req: Request) => idParam(req.params.id, 'file')

  router.post('/', async (req, res) => {
    if (!req.is('application/octet-stream')) {
      req.resume()
      throw new HttpError(415, 'UNSUPPORTED_TYPE', 'A file is a body of application/octet-stream')
    }
    const { name } = read(FileQuery, req.query)
    const length = req.get('content-length')
    if (length === '0') throw noFile()
    if (Number(length ?? 0) > LARGEST_BYTES) throw tooLarge()
    // One that is refused half way must hear so: its request is read to the end.
    const content = req.iterator({ destroyOnReturn: false })
    const added = await files.add(userOf(req).id, name, content).finally(() => req.resume())
    res.status(201).json(added)
  })
  router.get('/:id', async (req, res) => {
    const { name, file: opened } = await files.open(userOf(req).id, file(req))
    // As a download, whatever it is: nothing that was uploaded may run on our origin.
    res.attachment(name).type('application/octet-stream')
    const { size } = await opened.stat()
    res.set('content-length', String(size))
    await pipeline(opened.createReadStream(), res).catch((error: NodeJS.ErrnoException) => {
      // Whoever asked has left.
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    })
  })
  router.delete('/:id', async (req, res) => {
    await files.delete(userOf(req).id, file(req))
    res.status(204).end()
  })

  return router
}
