import { createApp } from '../../kit/app.ts'
import { serve } from '../../kit/serve.ts'
import { readSettings } from '../../kit/settings.ts'
import { connect } from './database.ts'
import { ReorderWorker } from './reorder-worker.ts'
import { wishlistRoutes } from './routes.ts'
import { NAME, PORT } from './service.ts'

const settings = readSettings(NAME, PORT, process.env)
const { pool, db } = await connect(settings.DATABASE_URL)
const app = await createApp({
  name: NAME,
  title: 'Wishlist Service',
  thing: 'wishlist item',
  prefix: '/v1/wishlist',
  routes: wishlistRoutes(db, settings.BANYAN_IDENTITY_KEY),
  pool,
})
const worker = new ReorderWorker(db, app.log)

await serve(app, settings.PORT, async () => {
  await worker.stop()
  await pool.end()
})
worker.start()
