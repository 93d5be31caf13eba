import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ServiceError } from '../../kit/errors.ts'
import { requireIdentity } from '../../kit/identity.ts'
import type { Database } from './database.ts'
import { ProfileBody } from './messages.ts'
import { profileOf, putProfile } from './profiles.ts'

const Params = z.object({ id: z.string() })

/** Everything under /v1/users. Believes the gateway's signed identity alone. */
export function profileRoutes(db: Database, identityKey: string): FastifyPluginAsyncZod {
  return async (app) => {
    const user = requireIdentity(app, identityKey)

    app.get('/:id', { schema: { params: Params } }, (request) =>
      profileOf(db, requireSelf(user(request), request.params.id)),
    )
    app.put(
      '/:id',
      {
        schema: { params: Params, body: ProfileBody },
        // Whose profile it is comes before what it should be: as the clients know it.
        preValidation: async (request) => {
          requireSelf(user(request), (request.params as { id: string }).id)
        },
      },
      (request) => putProfile(db, user(request), request.body),
    )
    app.get('/:id/public', { schema: { params: Params } }, async (request) => {
      const { userId, displayName, bio, avatarUrl } = await profileOf(db, request.params.id)
      return { userId, displayName, bio, avatarUrl }
    })
  }
}

/** The profile a request may see whole and change: only one's own; `me` is short for it. */
function requireSelf(self: string, given: string): string {
  if (given === 'me' || given === self) return self
  throw new ServiceError(403, 'FORBIDDEN', 'Only the user may see or change the whole profile')
}
