import type { ServicePlan } from '@banyan/migration'
import { urlOf } from './settings.ts'

const rewrite = { from: '/api/inventory', to: '/v1/inventory' }

/** The monolith never counted parts: these routes go to the service from the start. */
export const inventory: ServicePlan = {
  name: 'inventory',
  url: urlOf('inventory', 9600),
  routes: [
    { methods: [], path: '/api/inventory', rewrite },
    { methods: [], path: '/api/inventory/*', rewrite },
  ],
}
