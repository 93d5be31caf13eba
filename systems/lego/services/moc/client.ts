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

/** Ids of images, or of albums; Gallery is asked about them in one call. */
const Ids = z.array(z.uuid()).max(100)
const GalleryIds = z.strictObject({ images: Ids, albums: Ids })
export type GalleryIds = z.infer<typeof GalleryIds>

/** What the MOC Management Service answers the reconciliation, for no user. */
export const mocLinksApi = defineApi({
  name: 'moc',
  prefix: '/internal/v1/links',
  routes: {
    checkLinks: {
      method: 'POST',
      path: '/check',
      summary: 'Asks Gallery about these, and takes out of all MOCs those that it does not have',
      body: GalleryIds,
      /** Those that it does not have. */
      response: { 200: GalleryIds },
      callers: ['reconciliation'],
      idempotent: true,
      timeoutMs: 30_000,
    },
  },
})
