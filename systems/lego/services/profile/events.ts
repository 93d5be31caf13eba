import { defineEvent } from '@banyan/bus'
import { z } from 'zod'

/** What the Profile Service says; others import this file. Key: the user, whose events keep their order. */

/** What everybody may see of a profile: events are heard by everybody too. */
const Public = z.object({
  userId: z.string(),
  displayName: z.string(),
  bio: z.string().nullable(),
  avatarUrl: z.string().nullable(),
})

export const ProfileCreated = defineEvent({ type: 'profile.created', version: 1, payload: Public })

export const ProfileUpdated = defineEvent({ type: 'profile.updated', version: 1, payload: Public })

export const ProfileAvatarChanged = defineEvent({
  type: 'profile.avatar.changed',
  version: 1,
  payload: z.object({ userId: z.string(), avatarUrl: z.string().nullable() }),
})

export const profileEvents = [ProfileCreated, ProfileUpdated, ProfileAvatarChanged]
