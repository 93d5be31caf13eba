import { defineService } from '@banyan/service'
import { inventoryApi } from './client.ts'
import { inventoryEvents } from './events.ts'
import { inventoryReactions } from './reactions.ts'
import { inventoryRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** It depends on no other service; what their things are it hears. */
export default defineService({
  name: 'inventory',
  port: 9600,
  title: 'Inventory Tracking Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { [inventoryApi.prefix]: inventoryRoutes },
  events: inventoryEvents,
  reactions: inventoryReactions,
})
