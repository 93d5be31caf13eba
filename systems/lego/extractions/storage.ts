import type { ObjectsOnlyPlan } from '@banyan/migration'
import { conditions, requestGates, stepConditions, urlOf } from './settings.ts'
import { StorageSide } from './storage-side.ts'

const { env } = process
const rewrite = { from: '/api', to: '/v1' }
const url = urlOf('storage', 9800)

/** What the engine says to Storage who it is with. @throws Error where nobody has given it */
function engineKey(): string {
  if (env.BANYAN_ENGINE_KEY) return env.BANYAN_ENGINE_KEY
  throw new Error(
    "BANYAN_ENGINE_KEY is not set: the engine's private JSON Web Key, which Storage knows",
  )
}

/**
 * What users keep for themselves: plain files in a folder of the monolith's, below their owner. Files of MOCs are
 * rows, and move with them.
 */
export const storage: ObjectsOnlyPlan = {
  kind: 'objects',
  name: 'storage',
  service: { url },
  routes: [
    { methods: [], path: '/api/files', rewrite },
    { methods: [], path: '/api/files/*', rewrite },
  ],
  objects: {
    source: { folder: env.FILES_FOLDER ?? '/var/lib/lego/files', ownerSegment: 0 },
    target: { open: () => new StorageSide({ url, key: engineKey() }) },
  },
  ...stepConditions,
  // Every copy is read anew and held against what its owner has. An answer that is asked of both sides would
  // tell of the look that has not been taken yet, which takes seconds on a machine that all services share.
  shadow: { percent: 0 },
  gates: requestGates,
  handover: conditions.handover,
}
