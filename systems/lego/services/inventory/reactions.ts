import type { Hear } from '@banyan/service'
import { MocDeleted } from '../moc/events.ts'
import { WishlistItemDeleted } from '../wishlist/events.ts'
import { forgetSource } from './items.ts'
import type * as tables from './schema.ts'

/** What was needed for something that is gone is needed no more. */
export function inventoryReactions(hear: Hear<typeof tables>): void {
  hear({
    name: 'forget-wishlist-item',
    events: [WishlistItemDeleted],
    handler: ({ payload }, tx) => forgetSource(tx, { type: 'wishlist', id: payload.itemId }),
  })
  hear({
    name: 'forget-moc',
    events: [MocDeleted],
    handler: ({ payload }, tx) => forgetSource(tx, { type: 'moc', id: payload.mocId }),
  })
}
