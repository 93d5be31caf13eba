import { galleryEvents } from '../services/gallery/events.ts'
import { inventoryEvents } from '../services/inventory/events.ts'
import { mocEvents } from '../services/moc/events.ts'
import { processingEvents } from '../services/processing/events.ts'
import { profileEvents } from '../services/profile/events.ts'
import { searchEvents } from '../services/search/events.ts'
import { storageEvents } from '../services/storage/events.ts'
import { wishlistEvents } from '../services/wishlist/events.ts'

/** All that the services say, by who says it. */
export const SAID = {
  moc: mocEvents,
  gallery: galleryEvents,
  wishlist: wishlistEvents,
  profile: profileEvents,
  processing: processingEvents,
  inventory: inventoryEvents,
  search: searchEvents,
  storage: storageEvents,
} as const

type EventType = (typeof SAID)[keyof typeof SAID][number]['type']

interface Names {
  /** What the product document calls it, in its domain analysis. */
  readonly domain: readonly string[]
  /** What we call it, where the document has no name for it. */
  readonly own?: string
  readonly remark?: string
}

/** What each event is called in the domain, by what it is called on the wire. */
export const NAMES: Readonly<Record<EventType, Names>> = {
  'moc.created': { domain: ['MocCreated'] },
  'moc.incomplete': {
    domain: [],
    own: 'MocIncomplete',
    remark: 'Created with files whose parts lists could not be handed over to be read',
  },
  'moc.updated': { domain: ['MocUpdated'] },
  'moc.deleted': { domain: ['MocDeleted'] },
  'parts-list.updated': {
    domain: ['PartsListAdded', 'PartsListUpdated'],
    remark: '`change` says which, or that one was deleted',
  },
  'moc.gallery-images-linked': { domain: [], own: 'MocGalleryImagesLinked' },
  'build-status.changed': { domain: ['BuildStatusChanged'] },

  'image.uploaded': { domain: ['ImageUploaded'] },
  'image.updated': { domain: [], own: 'ImageUpdated' },
  'image.deleted': { domain: ['ImageDeleted'] },
  'image.flagged': { domain: ['ImageFlagged'] },
  'album.created': { domain: ['AlbumCreated'] },
  'album.updated': { domain: ['AlbumUpdated'] },
  'album.deleted': { domain: [], own: 'AlbumDeleted' },

  'wishlist.item.created': { domain: ['WishlistItemAdded'] },
  'wishlist.item.updated': { domain: ['WishlistItemUpdated'] },
  'wishlist.item.deleted': { domain: ['WishlistItemDeleted'] },
  'wishlist.reordered': { domain: ['WishlistReordered'] },

  'profile.created': { domain: ['ProfileCreated'] },
  'profile.updated': { domain: ['ProfileUpdated'] },
  'profile.avatar.changed': { domain: ['AvatarChanged'] },
  'profile.deleted': { domain: [], own: 'ProfileDeleted' },

  'file-processing.started': {
    domain: ['FileUploadReceived', 'ParsingStarted'],
    remark: 'Said when reading begins; that a file was received is the answer to who sent it',
  },
  'file-processing.completed': { domain: ['ParsingCompleted'] },
  'file-processing.failed': { domain: ['ParsingFailed'] },

  'parts.acquired': { domain: ['PartsAcquired'] },
  'parts.purchased': { domain: ['PartsPurchased'] },
  'inventory.updated': { domain: ['InventoryUpdated'] },

  'search.query.executed': {
    domain: ['SearchQueryExecuted', 'SearchResultsServed'],
    remark: '`results` says how many were served',
  },

  'file.stored': { domain: ['FileStored'] },
  'file.processed': { domain: ['FileProcessed'] },
  'file.deleted': { domain: ['FileDeleted'] },
}
