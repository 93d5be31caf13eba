import type { App, ServiceContext } from '@banyan/service'
import { z } from 'zod'
import type { SearchConfig } from './config.ts'
import { listReindexes, rewriteVectors, startReindex } from './reindex.ts'

const Engine = z.enum(['postgres', 'opensearch'])
const Asked = z.strictObject({ engine: Engine })
const Reindexes = z.object({
  reindexes: z.array(
    z.object({
      engine: Engine,
      target: z.string(),
      copied: z.int(),
      askedAt: z.iso.datetime(),
      finishedAt: z.iso.datetime().nullable(),
    }),
  ),
})

/** What services alone may ask, with their token. */
export function internalRoutes(
  app: App,
  { pool, log }: ServiceContext<SearchConfig, Record<never, never>>,
): void {
  app.get('/reindexes', { schema: { response: { 200: Reindexes } } }, async () => ({
    reindexes: await listReindexes(pool),
  }))
  app.post(
    '/reindexes',
    { schema: { body: Asked, response: { 202: Reindexes } } },
    async ({ body: { engine } }, reply) => {
      await startReindex(pool, engine)
      // The feed sees the other kind by itself.
      if (engine === 'postgres') {
        rewriteVectors(pool).catch((error: unknown) =>
          log.error({ reason: String(error) }, 'a reindex stopped; asked for again, it goes on'),
        )
      }
      return reply.status(202).send({ reindexes: await listReindexes(pool) })
    },
  )
}
