import { BanyanError, type Identity } from '@banyan/contracts'
import { type App, routeOptions, type ServiceContext } from '@banyan/service'
import { z } from 'zod'
import { idOf, PathId, readBodiesAsMonolith } from '../../monolith-shape.ts'
import * as albums from './albums.ts'
import { galleryApi } from './client.ts'
import * as flags from './flags.ts'
import * as images from './images.ts'
import {
  Album,
  AlbumChange,
  AlbumPage,
  AlbumQuery,
  Flag,
  FlagQuery,
  FlagQueue,
  FlagReview,
  Image,
  ImageChange,
  ImagePage,
  ImageQuery,
  NewAlbum,
  NewFlag,
  NewImage,
  WholeAlbum,
} from './messages.ts'
import type * as tables from './schema.ts'

type Context = ServiceContext<object, typeof tables>

/**
 * Everything under /v1: images, albums and flags at the paths their clients know from the monolith
 * (/v1/gallery), and each under its own name.
 */
export function galleryRoutes(app: App, context: Context): void {
  readBodiesAsMonolith(app)
  for (const at of ['/gallery', '/images']) imageRoutes(app, context, at)
  for (const at of ['/gallery/albums', '/albums']) albumRoutes(app, context, at)
  for (const at of ['/gallery/flags', '/flags']) flagRoutes(app, context, at)
  existenceRoutes(app, context)
}

function imageRoutes(app: App, context: Context, at: string): void {
  app.get(
    at,
    {
      schema: {
        summary: 'Images of the gallery, the newest first',
        querystring: ImageQuery,
        response: { 200: ImagePage },
      },
    },
    ({ user, query }) => images.listImages(context.db, user.userId, query),
  )
  app.post(
    at,
    { schema: { summary: 'Adds an image', body: NewImage, response: { 201: Image } } },
    (request, reply) =>
      context.answerOnce(request, reply, 201, (tx) =>
        images.createImage(tx, request.user.userId, request.body),
      ),
  )
  app.get(
    `${at}/:id`,
    {
      schema: {
        summary: 'An image; a hidden one to its owner alone',
        params: PathId,
        response: { 200: Image },
      },
    },
    ({ user, params }) => images.getImage(context.db, user.userId, idOf(params.id, 'image')),
  )
  app.patch(
    `${at}/:id`,
    {
      schema: {
        summary: "Changes an image of one's own",
        params: PathId,
        body: ImageChange,
        response: { 200: Image },
      },
    },
    ({ user, params, body }) => {
      const id = idOf(params.id, 'image')
      return context.transaction((tx) => images.changeImage(tx, user.userId, id, body))
    },
  )
  app.delete(
    `${at}/:id`,
    {
      schema: {
        summary: 'Deletes an image, which every album and MOC then lets go',
        params: PathId,
        response: { 204: z.null() },
      },
    },
    async ({ user, params }, reply) => {
      const id = idOf(params.id, 'image')
      await context.transaction((tx) => images.deleteImage(tx, user.userId, id))
      return reply.status(204).send(null)
    },
  )
  app.post(
    `${at}/:id/flags`,
    {
      schema: {
        summary: 'Says that an image should not be seen',
        params: PathId,
        body: NewFlag,
        response: { 201: Flag },
      },
    },
    (request, reply) => {
      const id = idOf(request.params.id, 'image')
      return context.answerOnce(request, reply, 201, (tx) =>
        flags.flagImage(tx, request.user.userId, id, request.body),
      )
    },
  )
}

function albumRoutes(app: App, context: Context, at: string): void {
  app.get(
    at,
    {
      schema: {
        summary: 'Albums, the newest first',
        querystring: AlbumQuery,
        response: { 200: AlbumPage },
      },
    },
    ({ user, query }) => albums.listAlbums(context.db, user.userId, query),
  )
  app.post(
    at,
    { schema: { summary: 'Adds an album', body: NewAlbum, response: { 201: Album } } },
    (request, reply) =>
      context.answerOnce(request, reply, 201, (tx) =>
        albums.createAlbum(tx, request.user.userId, request.body),
      ),
  )
  app.get(
    `${at}/:id`,
    {
      schema: {
        summary: 'An album with its images',
        params: PathId,
        response: { 200: WholeAlbum },
      },
    },
    ({ user, params }) => albums.getAlbum(context.db, user.userId, idOf(params.id, 'album')),
  )
  app.patch(
    `${at}/:id`,
    {
      schema: {
        summary: "Changes an album of one's own",
        params: PathId,
        body: AlbumChange,
        response: { 200: Album },
      },
    },
    ({ user, params, body }) => {
      const id = idOf(params.id, 'album')
      return context.transaction((tx) => albums.changeAlbum(tx, user.userId, id, body))
    },
  )
  app.delete(
    `${at}/:id`,
    {
      schema: {
        summary: 'Deletes an album; its images stay',
        params: PathId,
        response: { 204: z.null() },
      },
    },
    async ({ user, params }, reply) => {
      const id = idOf(params.id, 'album')
      await context.transaction((tx) => albums.deleteAlbum(tx, user.userId, id))
      return reply.status(204).send(null)
    },
  )
}

/** The moderators' queue. Whose it is comes before what was asked. */
function flagRoutes(app: App, context: Context, at: string): void {
  app.get(
    at,
    {
      schema: {
        summary: 'Flags that no moderator has judged, the oldest first',
        querystring: FlagQuery,
        response: { 200: FlagQueue },
      },
      preValidation: async ({ user }) => requireModerator(user),
    },
    ({ query }) => flags.listPendingFlags(context.db, query),
  )
  app.patch(
    `${at}/:id`,
    {
      schema: {
        summary: 'Upholds a flag, which hides the image, or dismisses it',
        params: PathId,
        body: FlagReview,
        response: { 200: Flag },
      },
      preValidation: async ({ user, params }) => {
        requireModerator(user)
        idOf((params as { id: string }).id, 'flag')
      },
    },
    ({ params, body }) => {
      const id = idOf(params.id, 'flag')
      return context.transaction((tx) => flags.reviewFlag(tx, id, body))
    },
  )
}

/** For services, with or without a user: what links images is settled when nobody waits, too. */
function existenceRoutes(app: App, { db }: Context): void {
  const asked = <N extends keyof typeof galleryApi.routes>(name: N) => {
    const options = routeOptions(galleryApi, name)
    return { ...options, config: { ...options.config, access: 'service' as const } }
  }
  app.route({
    ...asked('imageExists'),
    handler: async ({ params: { id } }) => {
      return { exists: (await images.existingImages(db, [id])).length > 0 }
    },
  })
  app.route({
    ...asked('existingImages'),
    handler: async ({ body }) => ({ existing: await images.existingImages(db, body.ids) }),
  })
  app.route({
    ...asked('albumExists'),
    handler: async ({ params: { id } }) => {
      return { exists: (await albums.existingAlbums(db, [id])).length > 0 }
    },
  })
  app.route({
    ...asked('existingAlbums'),
    handler: async ({ body }) => ({ existing: await albums.existingAlbums(db, body.ids) }),
  })
}

function requireModerator({ roles }: Identity): void {
  if (roles.includes('moderator') || roles.includes('admin')) return
  throw new BanyanError('FORBIDDEN', { reason: 'Only a moderator may do this' })
}
