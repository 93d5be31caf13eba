import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { wishlistEvents } from './events.ts'
import { ReorderWorker } from './reorder-worker.ts'
import { wishlistRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** It depends on no other service. */
export default defineService({
  name: 'wishlist',
  port: 9400,
  title: 'Wishlist Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { '/v1/wishlist': wishlistRoutes },
  events: wishlistEvents,
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('wishlist item'),
  start(context) {
    const worker = new ReorderWorker(context)
    worker.start()
    return () => worker.stop()
  },
})
