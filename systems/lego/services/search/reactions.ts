import type { AnyOf } from '@banyan/bus'
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

const WISHLIST = [WishlistItemCreated, WishlistItemUpdated, WishlistItemDeleted] as const
const IMAGES = [ImageUploaded, ImageUpdated, ImageFlagged, ImageDeleted] as const
const MOCS = [MocCreated, MocUpdated, MocDeleted, PartsListUpdated] as const

/** Of what comes within it, documents are written together, ms. Their own users see changes at once (`recent.ts`). */
const GATHER_MS = 500

/** Keeps the documents as the events of the others say they are. */
export function searchReactions(
  hear: Hear<Record<never, never>>,
  { config }: ServiceContext<SearchConfig, Record<never, never>>,
): void {
  const recording: Recording = { feeds: config.OPENSEARCH_URL !== undefined }

  // A transaction for each event costs twenty times as much as its share of one for all.
  hear({
    name: 'wishlist',
    events: WISHLIST,
    gatherMs: GATHER_MS,
    async batchHandler(events, { client }) {
      await recordChanges(client, events.map(ofWishlist), recording)
    },
  })

  hear({
    name: 'images',
    events: IMAGES,
    gatherMs: GATHER_MS,
    async batchHandler(events, { client }) {
      await recordChanges(client, events.map(ofImage), recording)
    },
  })

  hear({
    name: 'mocs',
    events: MOCS,
    gatherMs: GATHER_MS,
    async batchHandler(events, { client }) {
      await recordChanges(client, events.map(ofMoc), recording)
    },
  })
}

function ofWishlist(event: AnyOf<typeof WISHLIST>): Change {
  const version = event.occurredAt.getTime()
  const { ownerId } = event.payload
  if (event.type === 'wishlist.item.deleted') {
    return { type: 'wishlist', id: event.payload.itemId, version, content: 'gone' }
  }
  const { id, title, description, category } = event.payload.item
  return {
    type: 'wishlist',
    id,
    version,
    content: { ownerId, title, description, theme: category },
  }
}

function ofImage(event: AnyOf<typeof IMAGES>): Change {
  const change = (content: Change['content']): Change => {
    return {
      type: 'image',
      id: event.payload.imageId,
      version: event.occurredAt.getTime(),
      content,
    }
  }
  if (event.type === 'image.deleted') return change('gone')
  if (event.type === 'image.flagged') return change({ hidden: true })
  const { userId: ownerId, title, description, tags, flagged: hidden } = event.payload.image
  return change({ ownerId, title, description, tags, hidden })
}

function ofMoc(event: AnyOf<typeof MOCS>): Change {
  const change = (content: Change['content']): Change => {
    return { type: 'moc', id: event.payload.mocId, version: event.occurredAt.getTime(), content }
  }
  if (event.type === 'moc.deleted') return change('gone')
  if (event.type === 'parts-list.updated') {
    return change({ pieces: event.payload.totalPieceCount })
  }
  const { userId: ownerId, totalPieceCount: pieces, ...moc } = event.payload.moc
  const { title, description, tags, theme, author } = moc
  return change({ ownerId, title, description, tags, theme, author, pieces })
}
