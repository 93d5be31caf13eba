import { z } from 'zod'

export const Settings = z.object({
  /** When Gallery is asked about all links: five fields, UTC; Mondays at three. */
  LINK_AUDIT_CRON: z.string().default('0 3 * * 1'),
})
export type Settings = z.infer<typeof Settings>
