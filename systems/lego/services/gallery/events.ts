import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { Album, Image } from './messages.ts'

/**
 * What the Gallery Service says; others import this file. Key: the owner of the image or album, also where
 * another user flagged it.
 */

const OfImage = z.object({ ownerId: z.string(), imageId: z.uuid(), image: Image })
const OfAlbum = z.object({ ownerId: z.string(), albumId: z.uuid(), album: Album })

export const ImageUploaded = defineEvent({ type: 'image.uploaded', version: 1, payload: OfImage })

/** Also when a review hides it or shows it again: `image.flagged` says which. */
export const ImageUpdated = defineEvent({ type: 'image.updated', version: 1, payload: OfImage })

export const ImageDeleted = defineEvent({
  type: 'image.deleted',
  version: 1,
  payload: z.object({ ownerId: z.string(), imageId: z.uuid() }),
})

/** Hidden from now on, until a moderator has dismissed all its flags. */
export const ImageFlagged = defineEvent({
  type: 'image.flagged',
  version: 1,
  payload: z.object({ ownerId: z.string(), imageId: z.uuid(), reason: z.string() }),
})

export const AlbumCreated = defineEvent({ type: 'album.created', version: 1, payload: OfAlbum })

export const AlbumUpdated = defineEvent({ type: 'album.updated', version: 1, payload: OfAlbum })

/** Its images stay, in no album. */
export const AlbumDeleted = defineEvent({
  type: 'album.deleted',
  version: 1,
  payload: z.object({ ownerId: z.string(), albumId: z.uuid() }),
})

export const galleryEvents = [
  ImageUploaded,
  ImageUpdated,
  ImageDeleted,
  ImageFlagged,
  AlbumCreated,
  AlbumUpdated,
  AlbumDeleted,
]
