import { createApp } from '../../kit/app.ts'
import { serve } from '../../kit/serve.ts'
import { readSettings } from '../../kit/settings.ts'
import { connect } from './database.ts'
import { profileRoutes } from './routes.ts'
import { NAME, PORT } from './service.ts'

const settings = readSettings(NAME, PORT, process.env)
const { pool, db } = await connect(settings.DATABASE_URL)
const app = await createApp({
  name: NAME,
  title: 'Profile Service',
  thing: 'profile',
  prefix: '/v1/users',
  routes: profileRoutes(db, settings.BANYAN_IDENTITY_KEY),
  pool,
})
await serve(app, settings.PORT, () => pool.end())
