import type { RoutesPlan } from '@banyan/migration'
import { requestGates, stepConditions, urlOf } from './settings.ts'

/**
 * Reading a parts list keeps nothing, so nothing moves but the request: the document's way back is the
 * monolith's own reading. What is uploaded to a MOC stays with MOCs, and is read through Processing by setting.
 */
export const processing: RoutesPlan = {
  kind: 'routes',
  name: 'processing',
  service: { url: urlOf('processing', 9500) },
  routes: [
    {
      methods: ['POST'],
      path: '/api/parts-lists/parse',
      access: 'read',
      rewrite: { from: '/api', to: '/v1' },
    },
  ],
  ...stepConditions,
  gates: requestGates,
  // The shadow compares GETs; the first step judges these.
  shadow: { percent: 0 },
}
