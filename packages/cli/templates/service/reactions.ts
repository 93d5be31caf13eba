import type { Hear } from '@banyan/service'
import { count } from './back-room.ts'
import { StoredThingAdded } from './events.ts'
import type * as tables from './schema.ts'

/** What it hears, others' events as well as its own: each once, in order for each owner. */
export function backRoomReactions(hear: Hear<typeof tables>): void {
  hear({
    name: 'tally',
    events: [StoredThingAdded],
    handler: ({ payload }, { db }) => count(db, payload.ownerId),
  })
}
