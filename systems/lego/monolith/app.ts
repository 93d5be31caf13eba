import express, { type Express, type Router } from 'express'
import type { Connection, Database } from './db/connect.ts'
import { userFileRoutes } from './files/routes.ts'
import { galleryRoutes } from './gallery/routes.ts'
import { authenticate } from './http/auth.ts'
import { answerError, unknownRoute } from './http/errors.ts'
import { partsListRoutes } from './mocs/parts-list-routes.ts'
import { mocRoutes } from './mocs/routes.ts'
import { searchRoutes } from './search/routes.ts'
import { type Services, servicesOf } from './services/services.ts'
import type { Settings } from './settings.ts'
import { userRoutes } from './users/routes.ts'
import { wishlistRoutes } from './wishlist/routes.ts'

/** What it answers under /api, by where it is mounted. */
export function apiRoutes(
  db: Database,
  services: Services,
  { FILES_FOLDER }: Pick<Settings, 'FILES_FOLDER'>,
): readonly (readonly [string, Router])[] {
  return [
    ['/api/mocs', mocRoutes(db, services)],
    ['/api/parts-lists', partsListRoutes(services)],
    ['/api/files', userFileRoutes(FILES_FOLDER)],
    ['/api/gallery', galleryRoutes(db)],
    ['/api/wishlist', wishlistRoutes(db)],
    ['/api/users', userRoutes(db)],
    ['/api/search', searchRoutes(db)],
  ]
}

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
  for (const [path, router] of apiRoutes(db, services, settings)) app.use(path, router)
  app.use(unknownRoute)
  app.use(answerError)
  return app
}
