import type { Hear } from '@banyan/service'
import { AlbumCreated, AlbumDeleted, ImageDeleted, ImageUploaded } from '../gallery/events.ts'
import { confirmLinks, dropLinks } from './dangling.ts'
import type * as tables from './schema.ts'

/** What it hears: which images and albums there are, for the MOCs that link them. */
export function reactions(hear: Hear<typeof tables>): void {
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
}
