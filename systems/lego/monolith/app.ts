import express, { type Express } from 'express'
import type { Connection } from './db/connect.ts'
import { galleryRoutes } from './gallery/routes.ts'
import { authenticate } from './http/auth.ts'
import { answerError, unknownRoute } from './http/errors.ts'
import { partsListRoutes } from './mocs/parts-list-routes.ts'
import { mocRoutes } from './mocs/routes.ts'
import { searchRoutes } from './search/routes.ts'
import { servicesOf } from './services/services.ts'
import type { Settings } from './settings.ts'
import { userRoutes } from './users/routes.ts'
import { wishlistRoutes } from './wishlist/routes.ts'

/** The LEGO Projects API. */
export function createApp({ pool, db }: Connection, settings: Settings): Express {
  const app = express()
  const services = servicesOf(settings)
  app.disable('x-powered-by')

  app.get('/health', async (_req, res) => {
    await pool.query('SELECT 1')
    res.json({ status: 'ok' })
  })
  app.get('/metrics', async (_req, res) => {
    const { registry } = services.tallies
    res.type(registry.contentType).send(await registry.metrics())
  })

  app.use('/api', authenticate(settings), express.json({ limit: '1mb' }))
  app.use('/api', (req, _res, next) => {
    // No body, or one of another type: the fields it misses are named, as for an empty one.
    req.body ??= {}
    next()
  })
  app.use('/api/mocs', mocRoutes(db, services))
  app.use('/api/parts-lists', partsListRoutes(services))
  app.use('/api/gallery', galleryRoutes(db))
  app.use('/api/wishlist', wishlistRoutes(db))
  app.use('/api/users', userRoutes(db))
  app.use('/api/search', searchRoutes(db))
  app.use(unknownRoute)
  app.use(answerError)
  return app
}
