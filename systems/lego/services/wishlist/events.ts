import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { Item } from './messages.ts'

/** What the Wishlist Service says; others import this file. Key: the owner, whose events keep their order. */

const Whole = z.object({ ownerId: z.string(), item: Item })

export const WishlistItemCreated = defineEvent({
  type: 'wishlist.item.created',
  version: 1,
  payload: Whole,
})

export const WishlistItemUpdated = defineEvent({
  type: 'wishlist.item.updated',
  version: 1,
  payload: Whole,
})

export const WishlistItemDeleted = defineEvent({
  type: 'wishlist.item.deleted',
  version: 1,
  payload: z.object({ ownerId: z.string(), itemId: z.uuid() }),
})

export const WishlistReordered = defineEvent({
  type: 'wishlist.reordered',
  version: 1,
  // Not the order itself: 10,000 ids are more than every broker carries.
  payload: z.object({ ownerId: z.string(), itemCount: z.int() }),
})

export const wishlistEvents = [
  WishlistItemCreated,
  WishlistItemUpdated,
  WishlistItemDeleted,
  WishlistReordered,
]
