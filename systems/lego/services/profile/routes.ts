import { BanyanError } from '@banyan/contracts'
import type { App } from '@banyan/service'
import { z } from 'zod'
import { readBodiesAsMonolith } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { requireKnown } from './known-users.ts'
import { ProfileBody, PublicProfile } from './messages.ts'
import { deleteProfile, profileOf, publicProfileOf, putProfile } from './profiles.ts'

const Params = z.object({ id: z.string() })

/** As the requirements say: 5 minutes. */
export const TTL_MS = 300_000

/** Everything under /v1/users. */
export function profileRoutes(app: App, context: Context): void {
  readBodiesAsMonolith(app)
  const kept = { name: 'public', schema: PublicProfile, ttlMs: TTL_MS }
  const publicProfiles = context.cache.openHeard({ ...kept, channel: 'profile_changed' })

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
      await publicProfiles.delete(userId)
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
      await publicProfiles.delete(userId)
      return reply.status(204).send(null)
    },
  )
  const summary = 'What everybody may see of a profile: name and picture'
  const schema = { summary, params: Params, response: { 200: PublicProfile } }
  app.get('/:id/public', { schema }, ({ user, params: { id } }) => {
    const read = () => publicProfileOf(context.db, id)
    // Nobody misses a change of theirs, made by way of another process, or of the monolith just before a handover.
    return user.userId === id ? read() : publicProfiles.getOrLoad(id, read)
  })
}

/** The profile a request may see whole and change: only one's own; `me` is short for it. */
function requireSelf(self: string, given: string): string {
  if (given === 'me' || given === self) return self
  const reason = 'Only the user may see or change the whole profile'
  throw new BanyanError('FORBIDDEN', { reason })
}
