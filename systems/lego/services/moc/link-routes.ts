import { type App, routeOptions } from '@banyan/service'
import { mocLinksApi } from './client.ts'
import type { Context } from './context.ts'
import { dropMissing } from './link-audit.ts'

/** For the reconciliation, which has found links to what is not there. */
export function linkRoutes(app: App, context: Context): void {
  app.route({
    ...routeOptions(mocLinksApi, 'checkLinks'),
    handler: async ({ body }) => ({
      images: await dropMissing(context, 'image', body.images),
      albums: await dropMissing(context, 'album', body.albums),
    }),
  })
}
