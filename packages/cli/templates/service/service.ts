import { defineService } from '@banyan/service'
import { backRoomApi } from './client.ts'
import { StoredThingAdded } from './events.ts'
import { backRoomReactions } from './reactions.ts'
import { backRoomRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** It depends on no other service. */
export default defineService({
  name: 'back-room',
  port: 9700,
  title: 'Back Room Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { [backRoomApi.prefix]: backRoomRoutes },
  events: [StoredThingAdded],
  reactions: backRoomReactions,
})
