import { eq, sql } from 'drizzle-orm'
import { Router } from 'express'
import { z } from 'zod'
import type { Database } from '../db/connect.ts'
import { userProfiles } from '../db/schema.ts'
import { userOf } from '../http/auth.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { read } from '../http/validate.ts'

const ProfileBody = z.strictObject({
  displayName: z.string().trim().min(1).max(80),
  bio: z.string().max(1_000).nullable().default(null),
  // An avatar is shown to others: a page or a script is not one.
  avatarUrl: z
    .url({ protocol: /^https?$/ })
    .max(1_000)
    .refine((url) => /\.(png|jpe?g|webp|gif)$/i.test(new URL(url).pathname), {
      error: 'must end in .png, .jpg, .jpeg, .webp or .gif',
    })
    .nullable()
    .default(null),
  location: z.string().max(120).nullable().default(null),
  preferences: z
    .record(z.string().max(60), z.union([z.string().max(200), z.number(), z.boolean()]))
    .default({}),
})

export function userRoutes(db: Database): Router {
  const router = Router()

  router.get('/:id', async (req, res) => {
    res.json(await profileOf(requireSelf(userOf(req).id, req.params.id)))
  })

  router.put('/:id', async (req, res) => {
    const userId = requireSelf(userOf(req).id, req.params.id)
    const body = read(ProfileBody, req.body)
    const [row] = await db
      .insert(userProfiles)
      .values({ userId, ...body })
      .onConflictDoUpdate({ target: userProfiles.userId, set: { ...body, updatedAt: sql`now()` } })
      .returning()
    res.json(row)
  })

  router.get('/:id/public', async (req, res) => {
    const { userId, displayName, bio, avatarUrl } = await profileOf(req.params.id)
    res.json({ userId, displayName, bio, avatarUrl })
  })

  return router

  async function profileOf(userId: string) {
    const [row] = await db.select().from(userProfiles).where(eq(userProfiles.userId, userId))
    if (!row) throw notFound('profile')
    return row
  }
}

/** The profile a request may see whole and change: only one's own; `me` is short for it. */
function requireSelf(self: string, given: string): string {
  if (given === 'me' || given === self) return self
  throw new HttpError(403, 'FORBIDDEN', 'Only the user may see or change the whole profile')
}
