import type { Hear } from '@banyan/service'
import { AlbumCreated, AlbumDeleted, ImageDeleted, ImageUploaded } from '../gallery/events.ts'
import { FileProcessingCompleted, FileProcessingFailed } from '../processing/events.ts'
import type { Context } from './context.ts'
import { noteUnreadable, takePartsList } from './creation/parts-read.ts'
import { confirmLinks, dropLinks } from './dangling.ts'
import type * as tables from './schema.ts'

/** What it hears: which images and albums there are, and what parts lists hold. */
export function reactions(hear: Hear<typeof tables>, context: Context): void {
  hear({
    name: 'gallery-links',
    events: [ImageUploaded, ImageDeleted, AlbumCreated, AlbumDeleted],
    handler: async ({ type, payload }, tx) => {
      if (type === 'image.uploaded') return confirmLinks(tx, 'image', payload.imageId)
      if (type === 'image.deleted') return dropLinks(tx, 'image', payload.imageId)
      if (type === 'album.created') return confirmLinks(tx, 'album', payload.albumId)
      return dropLinks(tx, 'album', payload.albumId)
    },
  })
  hear({
    name: 'parts-lists-read',
    events: [FileProcessingCompleted, FileProcessingFailed],
    handler: ({ type, payload }, tx) =>
      type === 'file-processing.completed'
        ? takePartsList(tx, context, payload)
        : noteUnreadable(tx, payload, payload.error.message),
  })
}
