import { defineEvent } from '@banyan/service'
import { z } from 'zod'

/** What the Back Room Service says; others import this file. */
export const StoredThingAdded = defineEvent({
  type: 'stored-thing.added',
  version: 1,
  payload: z.object({ id: z.uuid(), ownerId: z.string(), title: z.string() }),
})
