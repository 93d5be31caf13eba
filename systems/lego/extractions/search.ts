import type { IndexPlan } from '@banyan/migration'
import { requestGates, stepConditions, urlOf } from './settings.ts'

const rewrite = { from: '/api/search', to: '/v1/search' }
const { env } = process

/** Search keeps what it finds by itself: filled from the monolith's database, and followed from there. */
export const search: IndexPlan = {
  kind: 'index',
  name: 'search',
  service: { url: urlOf('search', 9700) },
  index: {
    path: '/internal/v1/search/backfill',
    ...(env.BANYAN_ENGINE_KEY ? { token: { service: 'search', key: env.BANYAN_ENGINE_KEY } } : {}),
  },
  routes: [
    { methods: [], path: '/api/search', rewrite },
    { methods: [], path: '/api/search/*', rewrite },
  ],
  ...stepConditions,
  // FR9.3: within 10 s of the change.
  gates: { ...requestGates, lagMs: 10_000 },
}
