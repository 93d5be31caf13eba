import { z } from 'zod'

export const Settings = z.object({
  /** When Gallery is asked about all links: five fields, UTC; Mondays at three. */
  LINK_AUDIT_CRON: z.string().default('0 3 * * 1'),
  /**
   * How long an answer waits for the files of a new MOC to be stored, ms; who asked is told to ask again then. A
   * gateway gives up after 5 s, and the files have to arrive and be written down before.
   */
  CREATION_WAIT_MS: z.coerce.number().int().min(0).max(60_000).default(3_000),
})
export type Settings = z.infer<typeof Settings>
