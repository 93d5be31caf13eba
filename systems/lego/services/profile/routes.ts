import { BanyanError } from '@banyan/contracts'
import type { App, ServiceContext } from '@banyan/service'
import { z } from 'zod'
import { readBodiesAsMonolith } from '../../monolith-shape.ts'
import { ProfileBody } from './messages.ts'
import { profileOf, putProfile } from './profiles.ts'
import type * as tables from './schema.ts'

const Params = z.object({ id: z.string() })

/** Everything under /v1/users. */
export function profileRoutes(app: App, context: ServiceContext<object, typeof tables>): void {
  readBodiesAsMonolith(app)

  app.get('/:id', { schema: { params: Params } }, (request) =>
    profileOf(context.db, requireSelf(request.user.userId, request.params.id)),
  )
  app.put(
    '/:id',
    {
      schema: { params: Params, body: ProfileBody },
      // Whose profile it is comes before what it should be: as the clients know it.
      preValidation: async (request) => {
        requireSelf(request.user.userId, (request.params as { id: string }).id)
      },
    },
    (request) => context.transaction((tx) => putProfile(tx, request.user.userId, request.body)),
  )
  app.get('/:id/public', { schema: { params: Params } }, async (request) => {
    const { userId, displayName, bio, avatarUrl } = await profileOf(context.db, request.params.id)
    return { userId, displayName, bio, avatarUrl }
  })
}

/** The profile a request may see whole and change: only one's own; `me` is short for it. */
function requireSelf(self: string, given: string): string {
  if (given === 'me' || given === self) return self
  const reason = 'Only the user may see or change the whole profile'
  throw new BanyanError('FORBIDDEN', { reason })
}
