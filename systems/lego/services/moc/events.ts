import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { Moc } from './messages.ts'

/** What the MOC Management Service says; others import this file. Key: the MOC's owner. */

const Whole = { ownerId: z.string(), mocId: z.uuid(), moc: Moc }

export const MocCreated = defineEvent({ type: 'moc.created', version: 1, payload: z.object(Whole) })

/** A MOC stands with its files, but its parts lists could not be handed over to be read; for whoever tells its owner. */
export const MocIncomplete = defineEvent({
  type: 'moc.incomplete',
  version: 1,
  payload: z.object({ ownerId: z.string(), mocId: z.uuid(), reason: z.string() }),
})

export const MocUpdated = defineEvent({
  type: 'moc.updated',
  version: 1,
  /** `changed`: the names of the members whose value is another now. */
  payload: z.object({ ...Whole, changed: z.array(z.string()) }),
})

export const MocDeleted = defineEvent({
  type: 'moc.deleted',
  version: 1,
  payload: z.object({ ownerId: z.string(), mocId: z.uuid() }),
})

/** A parts list was added, changed or deleted; the MOC's `totalPieceCount` is what it is now. */
export const PartsListUpdated = defineEvent({
  type: 'parts-list.updated',
  version: 1,
  payload: z.object({
    ownerId: z.string(),
    mocId: z.uuid(),
    partsListId: z.uuid(),
    change: z.enum(['added', 'changed', 'deleted']),
    totalPieceCount: z.int(),
  }),
})

/** The MOC's links are these now; `pending` have not been confirmed by Gallery yet. */
export const MocGalleryImagesLinked = defineEvent({
  type: 'moc.gallery-images-linked',
  version: 1,
  payload: z.object({
    ownerId: z.string(),
    mocId: z.uuid(),
    galleryImageIds: z.array(z.uuid()),
    galleryAlbumIds: z.array(z.uuid()),
    pending: z.array(z.uuid()),
  }),
})

/** How many of its pieces the owner has, in whole percent: 100 when none is missing, and not before. */
export const BuildStatusChanged = defineEvent({
  type: 'build-status.changed',
  version: 1,
  payload: z.object({
    ownerId: z.string(),
    mocId: z.uuid(),
    acquiredCount: z.int(),
    totalPieceCount: z.int(),
    percent: z.int(),
  }),
})

export const mocEvents = [
  MocCreated,
  MocIncomplete,
  MocUpdated,
  MocDeleted,
  PartsListUpdated,
  MocGalleryImagesLinked,
  BuildStatusChanged,
]
