import { z } from 'zod'

/** What everybody may see of a profile, and hears of it. */
export const PublicProfile = z.object({
  userId: z.string(),
  displayName: z.string(),
  bio: z.string().nullable(),
  avatarUrl: z.string().nullable(),
})
export type PublicProfile = z.infer<typeof PublicProfile>

export const ProfileBody = z.strictObject({
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
export type ProfileBody = z.infer<typeof ProfileBody>
