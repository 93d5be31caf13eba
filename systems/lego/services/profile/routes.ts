import { BanyanError } from '@banyan/contracts'
import type { App } from '@banyan/service'
import { z } from 'zod'
import { readBodiesAsMonolith } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { requireKnown } from './known-users.ts'
import { ProfileBody, PublicProfile } from './messages.ts'
import { deleteProfile, profileOf, putProfile } from './profiles.ts'
import type { PublicProfiles } from './public-profiles.ts'

const Params = z.object({ id: z.string() })

/** Everything under /v1/users. */
export function profileRoutes(app: App, context: Context, publicProfiles: PublicProfiles): void {
  readBodiesAsMonolith(app)

  app.get('/:id', { schema: { summary: "One's own profile", params: Params } }, (request) =>
    profileOf(context.db, requireSelf(request.user.userId, request.params.id)),
  )
  app.put(
    '/:id',
    {
      schema: {
        summary: "Makes one's own profile, or changes it",
        params: Params,
        body: ProfileBody,
      },
      // Whose profile it is comes before what it should be: as the clients know it.
      preValidation: async (request) => {
        requireSelf(request.user.userId, (request.params as { id: string }).id)
      },
    },
    async ({ user: { userId }, body }) => {
      await requireKnown(context, userId)
      const profile = await context.transaction((tx) => putProfile(tx, userId, body))
      await publicProfiles.forget(userId)
      return profile
    },
  )
  // New with the service; where the monolith owns the profile, it knows no such route.
  app.delete(
    '/:id',
    {
      schema: { summary: "Deletes one's own profile", params: Params, response: { 204: z.null() } },
    },
    async (request, reply) => {
      const userId = requireSelf(request.user.userId, request.params.id)
      await context.transaction((tx) => deleteProfile(tx, userId))
      await publicProfiles.forget(userId)
      return reply.status(204).send(null)
    },
  )
  const summary = 'What everybody may see of a profile: name and picture'
  const schema = { summary, params: Params, response: { 200: PublicProfile } }
  app.get('/:id/public', { schema }, ({ params }) => publicProfiles.get(params.id))
}

/** The profile a request may see whole and change: only one's own; `me` is short for it. */
function requireSelf(self: string, given: string): string {
  if (given === 'me' || given === self) return self
  const reason = 'Only the user may see or change the whole profile'
  throw new BanyanError('FORBIDDEN', { reason })
}
