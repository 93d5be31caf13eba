import type { TablesPlan } from '@banyan/migration'
import { galleryTables } from './mappings.ts'
import { conditions, serviceAt } from './settings.ts'

const rewrite = { from: '/api/gallery', to: '/v1/gallery' }

export const gallery: TablesPlan = {
  name: 'gallery',
  service: serviceAt('gallery', 9200),
  routes: [
    { methods: [], path: '/api/gallery', rewrite },
    { methods: [], path: '/api/gallery/*', rewrite },
  ],
  tables: galleryTables,
  // Until MOCs have moved for good, the monolith must hear of every image that they may link.
  completeAfter: ['moc'],
  ...conditions,
}
