import { z } from 'zod'

const DAY_MS = 86_400_000

export const Settings = z.object({
  /** How often the Auth Service is asked whether users of profiles are still there, ms; an hour. */
  ORPHAN_SEARCH_MS: z.coerce.number<number>().int().min(100).default(3_600_000),
  /** How long a user must have been missing before the profile goes, ms; 7 days. */
  ORPHAN_GRACE_MS: z.coerce
    .number<number>()
    .int()
    .min(0)
    .default(7 * DAY_MS),
  /** More than this share of those asked for missing is an Auth Service that lost its users: nothing is done. */
  ORPHAN_MOST_SHARE: z.coerce.number<number>().min(0).max(1).default(0.1),
})
export type Settings = z.infer<typeof Settings>
