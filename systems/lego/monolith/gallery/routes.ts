import { type Request, Router } from 'express'
import type { Database } from '../db/connect.ts'
import { isModerator, userOf } from '../http/auth.ts'
import { HttpError } from '../http/errors.ts'
import { idParam, read } from '../http/validate.ts'
import * as albums from './albums.ts'
import * as flags from './flags.ts'
import * as images from './images.ts'

export function galleryRoutes(db: Database): Router {
  const router = Router()
  const user = (req: Request) => userOf(req).id
  const id = (req: Request, what: string) => idParam(req.params.id, what)

  router.get('/albums', async (req, res) => {
    res.json(await albums.listAlbums(db, user(req), read(albums.AlbumQuery, req.query)))
  })
  router.post('/albums', async (req, res) => {
    res.status(201).json(await albums.createAlbum(db, user(req), read(albums.NewAlbum, req.body)))
  })
  router.get('/albums/:id', async (req, res) => {
    res.json(await albums.getAlbum(db, user(req), id(req, 'album')))
  })
  router.patch('/albums/:id', async (req, res) => {
    const change = read(albums.AlbumChange, req.body)
    res.json(await albums.changeAlbum(db, user(req), id(req, 'album'), change))
  })
  router.delete('/albums/:id', async (req, res) => {
    await albums.deleteAlbum(db, user(req), id(req, 'album'))
    res.status(204).end()
  })

  router.get('/flags', async (req, res) => {
    requireModerator(req)
    res.json(await flags.listPendingFlags(db, read(flags.FlagQuery, req.query)))
  })
  router.patch('/flags/:id', async (req, res) => {
    requireModerator(req)
    res.json(await flags.reviewFlag(db, id(req, 'flag'), read(flags.FlagReview, req.body)))
  })

  router.get('/', async (req, res) => {
    res.json(await images.listImages(db, user(req), read(images.ImageQuery, req.query)))
  })
  router.post('/', async (req, res) => {
    res.status(201).json(await images.createImage(db, user(req), read(images.NewImage, req.body)))
  })
  router.get('/:id', async (req, res) => {
    res.json(await images.getImage(db, user(req), id(req, 'image')))
  })
  router.patch('/:id', async (req, res) => {
    const change = read(images.ImageChange, req.body)
    res.json(await images.changeImage(db, user(req), id(req, 'image'), change))
  })
  router.delete('/:id', async (req, res) => {
    await images.deleteImage(db, user(req), id(req, 'image'))
    res.status(204).end()
  })
  router.post('/:id/flags', async (req, res) => {
    const flag = read(flags.NewFlag, req.body)
    res.status(201).json(await flags.flagImage(db, user(req), id(req, 'image'), flag))
  })

  return router
}

function requireModerator(req: Request): void {
  if (isModerator(userOf(req))) return
  throw new HttpError(403, 'FORBIDDEN', 'Only a moderator may do this')
}
