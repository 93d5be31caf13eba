import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { PublicProfile } from './messages.ts'

/** What the Profile Service says; others import this file. Key: the user, whose events keep their order. */

export const ProfileCreated = defineEvent({
  type: 'profile.created',
  version: 1,
  payload: PublicProfile,
})

export const ProfileUpdated = defineEvent({
  type: 'profile.updated',
  version: 1,
  payload: PublicProfile,
})

export const ProfileAvatarChanged = defineEvent({
  type: 'profile.avatar.changed',
  version: 1,
  payload: z.object({ userId: z.string(), avatarUrl: z.string().nullable() }),
})

/** Its user is gone from the Auth Service. */
export const ProfileDeleted = defineEvent({
  type: 'profile.deleted',
  version: 1,
  payload: z.object({ userId: z.string() }),
})

export const profileEvents = [ProfileCreated, ProfileUpdated, ProfileAvatarChanged, ProfileDeleted]
