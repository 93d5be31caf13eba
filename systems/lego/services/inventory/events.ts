import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { Money, Progress, Source } from './messages.ts'

/** What the Inventory Tracking Service says; others import this file. Key: the owner. */

/** How many of an item there are has changed; `count` is negative where there are fewer. */
export const PartsAcquired = defineEvent({
  type: 'parts.acquired',
  version: 1,
  payload: z.object({
    ownerId: z.string(),
    itemId: z.uuid(),
    source: Source,
    count: z.int(),
    acquiredCount: z.int(),
    totalCount: z.int(),
  }),
})

export const PartsPurchased = defineEvent({
  type: 'parts.purchased',
  version: 1,
  payload: z.object({
    ownerId: z.string(),
    itemId: z.uuid(),
    purchaseId: z.uuid(),
    source: Source,
    quantity: z.int(),
    cost: Money.nullable(),
  }),
})

/** What there is for a source, after each change: its build status. */
export const InventoryUpdated = defineEvent({
  type: 'inventory.updated',
  version: 1,
  payload: Progress.extend({ ownerId: z.string() }),
})

export const inventoryEvents = [PartsAcquired, PartsPurchased, InventoryUpdated]
