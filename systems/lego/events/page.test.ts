import { existsSync, readFileSync } from 'node:fs'
import { EventRegistry } from '@banyan/bus'
import { describe, expect, it } from 'vitest'
import { NAMES, SAID } from './names.ts'
import { eventsPage, schemaFile } from './page.ts'

/** Every domain event of the product document's bounded contexts. */
const OF_THE_DOCUMENT = [
  ...['MocCreated', 'MocUpdated', 'MocDeleted'],
  ...['PartsListAdded', 'PartsListUpdated', 'BuildStatusChanged'],
  ...['ImageUploaded', 'ImageDeleted', 'ImageFlagged', 'AlbumCreated', 'AlbumUpdated'],
  ...['WishlistItemAdded', 'WishlistItemUpdated', 'WishlistItemDeleted', 'WishlistReordered'],
  ...['ProfileCreated', 'ProfileUpdated', 'AvatarChanged'],
  ...['FileUploadReceived', 'ParsingStarted', 'ParsingCompleted', 'ParsingFailed'],
  ...['PartsAcquired', 'PartsPurchased', 'InventoryUpdated'],
  ...['SearchQueryExecuted', 'SearchResultsServed'],
  ...['FileStored', 'FileDeleted', 'FileProcessed'],
]

/** Those that its requirements name as they are on the wire. */
const ON_THE_WIRE = [
  ...['moc.created', 'moc.updated', 'moc.deleted', 'parts-list.updated'],
  ...['image.uploaded', 'image.deleted', 'image.flagged', 'moc.gallery-images-linked'],
  ...['file-processing.started', 'file-processing.completed', 'file-processing.failed'],
]

describe('the page of events', () => {
  it('is as the services’ definitions are', () => {
    // Else: node --import tsx systems/lego/events/main.ts
    expect(readFileSync(new URL('README.md', import.meta.url), 'utf8')).toBe(eventsPage())
  })

  it('has a name for every event, and each event once', () => {
    const types = new EventRegistry(Object.values(SAID).flat()).types
    expect(Object.keys(NAMES).sort()).toEqual(types.sort())
  })

  it('has every domain event of the document, once, and those it names as they are on the wire', () => {
    const names = Object.values(NAMES).flatMap(({ domain }) => domain)
    expect(names.sort()).toEqual(OF_THE_DOCUMENT.sort())
    expect(Object.keys(NAMES)).toEqual(expect.arrayContaining(ON_THE_WIRE))
    for (const { domain, own } of Object.values(NAMES)) {
      expect(domain.length > 0).toBe(own === undefined)
    }
  })

  it('leads to the recorded schema of each', () => {
    for (const [service, events] of Object.entries(SAID)) {
      const files = events.map((event) => schemaFile(service, event))
      expect(files.filter((file) => !existsSync(new URL(file, import.meta.url)))).toEqual([])
    }
  })
})
