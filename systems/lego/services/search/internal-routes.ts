import type { App } from '@banyan/service'
import { z } from 'zod'
import type { Context } from './context.ts'
import { searchingOf } from './parts.ts'
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

const Standing = z.object({
  run: z.string().nullable(),
  state: z.enum(['none', 'filling', 'complete', 'failed']),
  done: z.int(),
  total: z.int(),
  lagMs: z.number().nullable(),
  reason: z.string().nullable(),
})
const Run = z.strictObject({ run: z.string().min(1).max(100) })

/** What services alone may ask, with their token. */
export function internalRoutes(app: App, context: Context): void {
  const { pool, log } = context
  const { backfills } = searchingOf(context)

  app.get(
    '/backfill',
    { schema: { summary: 'How the index stands', response: { 200: Standing } } },
    () => backfills.status(),
  )
  app.post(
    '/backfill',
    {
      schema: {
        summary: 'Takes over what stands in the monolith; the same run once, unless it failed',
        body: Run,
        response: { 202: Standing },
      },
    },
    async ({ body: { run } }, reply) => reply.status(202).send(await backfills.begin(run)),
  )

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
