import { defineApi } from '@banyan/service'
import { z } from 'zod'
import { MocSummary } from './messages.ts'

/** As many of each as are told of. */
export const MOST_RECENT = 100

const RecentMocs = z.object({
  /** Created, changed or given other parts; the newest first, 100 at most. */
  changed: z.array(MocSummary).max(MOST_RECENT),
  /** Their ids; the newest first, 100 at most. */
  deleted: z.array(z.uuid()).max(MOST_RECENT),
})
export type RecentMocs = z.infer<typeof RecentMocs>

/** What the MOC Management Service answers other services, for the user whose request they answer. */
export const mocApi = defineApi({
  name: 'moc',
  prefix: '/v1/recent-mocs',
  routes: {
    recentMocs: {
      method: 'GET',
      path: '/',
      summary: 'What the user did to MOCs within the last 10 s',
      response: { 200: RecentMocs },
    },
  },
})
