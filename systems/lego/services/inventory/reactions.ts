import type { Hear } from '@banyan/service'
import { MocDeleted } from '../moc/events.ts'
import { WishlistItemDeleted } from '../wishlist/events.ts'
import { forgetSource } from './items.ts'
import type * as tables from './schema.ts'

/** Nobody waits for it, ms. */
const GATHER_MS = 500

/** What was needed for something that is gone is needed no more. */
export function inventoryReactions(hear: Hear<typeof tables>): void {
  hear({
    name: 'forget-wishlist-item',
    events: [WishlistItemDeleted],
    gatherMs: GATHER_MS,
    handler: ({ payload }, tx) => forgetSource(tx, { type: 'wishlist', id: payload.itemId }),
  })
  hear({
    name: 'forget-moc',
    events: [MocDeleted],
    gatherMs: GATHER_MS,
    handler: ({ payload }, tx) => forgetSource(tx, { type: 'moc', id: payload.mocId }),
  })
}
