import type { Hear, ServiceContext } from '@banyan/service'
import { ImageDeleted, ImageFlagged, ImageUpdated, ImageUploaded } from '../gallery/events.ts'
import { MocCreated, MocDeleted, MocUpdated, PartsListUpdated } from '../moc/events.ts'
import {
  WishlistItemCreated,
  WishlistItemDeleted,
  WishlistItemUpdated,
} from '../wishlist/events.ts'
import type { SearchConfig } from './config.ts'
import type { Change } from './document.ts'
import { type Recording, recordChanges } from './documents.ts'

/** Keeps the documents as the events of the others say they are. */
export function searchReactions(
  hear: Hear<Record<never, never>>,
  { config }: ServiceContext<SearchConfig, Record<never, never>>,
): void {
  const recording: Recording = { feeds: config.OPENSEARCH_URL !== undefined }

  hear({
    name: 'wishlist',
    events: [WishlistItemCreated, WishlistItemUpdated, WishlistItemDeleted],
    async handler(event, { client }) {
      const { ownerId } = event.payload
      const version = event.occurredAt.getTime()
      if (event.type === 'wishlist.item.deleted') {
        const id = event.payload.itemId
        await recordChanges(client, [{ type: 'wishlist', id, version, content: 'gone' }], recording)
        return
      }
      const { id, title, description, category } = event.payload.item
      const content = { ownerId, title, description, theme: category }
      await recordChanges(client, [{ type: 'wishlist', id, version, content }], recording)
    },
  })

  hear({
    name: 'images',
    events: [ImageUploaded, ImageUpdated, ImageFlagged, ImageDeleted],
    async handler(event, { client }) {
      const { imageId: id } = event.payload
      const version = event.occurredAt.getTime()
      const record = (content: Change['content']) =>
        recordChanges(client, [{ type: 'image', id, version, content }], recording)
      if (event.type === 'image.deleted') await record('gone')
      else if (event.type === 'image.flagged') await record({ hidden: true })
      else {
        const { userId: ownerId, title, description, tags, flagged: hidden } = event.payload.image
        await record({ ownerId, title, description, tags, hidden })
      }
    },
  })

  hear({
    name: 'mocs',
    events: [MocCreated, MocUpdated, MocDeleted, PartsListUpdated],
    async handler(event, { client }) {
      const { mocId: id } = event.payload
      const version = event.occurredAt.getTime()
      const record = (content: Change['content']) =>
        recordChanges(client, [{ type: 'moc', id, version, content }], recording)
      if (event.type === 'moc.deleted') await record('gone')
      else if (event.type === 'parts-list.updated') {
        await record({ pieces: event.payload.totalPieceCount })
      } else {
        const { userId: ownerId, totalPieceCount: pieces, ...moc } = event.payload.moc
        const { title, description, tags, theme, author } = moc
        await record({ ownerId, title, description, tags, theme, author, pieces })
      }
    },
  })
}
