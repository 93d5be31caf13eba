import { BanyanError } from '@banyan/contracts'
import type { App } from '@banyan/service'
import { reportQueries } from './analytics.ts'
import type { Context } from './context.ts'
import type { SearchEngine } from './engine.ts'
import {
  QueryReport,
  ReportQuery,
  SearchAnswer,
  SearchQuery,
  Suggestions,
  SuggestQuery,
} from './messages.ts'
import { searchingOf } from './parts.ts'
import { recentOf } from './recent.ts'
import type { Answered } from './searcher.ts'

/** OpenSearch does not look further without being told to; the database does. */
const DEEPEST = 10_000

/** Everything under /v1/search. */
export function searchRoutes(app: App, context: Context): void {
  const { searcher, log } = searchingOf(context)

  app.get(
    '/',
    {
      schema: {
        summary: "Finds MOCs, images, sets and what is on one's own wishlist",
        querystring: SearchQuery,
        response: { 200: SearchAnswer },
      },
    },
    async (request, reply) => {
      const { q: text, type, page, limit, facets, ...filters } = request.query
      const began = performance.now()
      const query = {
        text,
        type,
        viewer: request.user.userId,
        limit,
        offset: (page - 1) * limit,
        ...filters,
      }
      const deep = query.offset + limit > DEEPEST
      const question = async (engine: SearchEngine) => {
        const [results, counts] = await Promise.all([
          engine.search(query),
          facets === 'true' ? engine.facets(query) : undefined,
        ])
        return { results, counts }
      }
      const [usual, recent] = await Promise.all([
        deep ? searcher.askOwn(question) : searcher.ask(question),
        type === 'moc' ? recentOf(context) : null,
      ])
      // Few have changed a MOC within 10 s: theirs is asked twice, so that nobody else's waits.
      const answered = recent
        ? await searcher.askOwn((engine) => question(engine.with(recent)))
        : usual
      const { answer, engine, degraded } = answered
      // A wishlist is its owner's; so is what they look for in it.
      if (type !== 'wishlist') {
        log.note({
          query: text,
          type,
          results: answer.results.length,
          page,
          durationMs: Math.round(performance.now() - began),
          engine,
          degraded,
          executedAt: new Date().toISOString(),
        })
      }
      reply.headers(headersOf(answered))
      const { results, counts } = answer
      return {
        type,
        query: text,
        results,
        ...(counts ? { facets: counts } : {}),
      }
    },
  )

  app.get(
    '/suggest',
    {
      schema: {
        summary: 'Words that begin so, of what there is',
        querystring: SuggestQuery,
        response: { 200: Suggestions },
      },
    },
    async ({ query: { q: text, type, limit }, user }, reply) => {
      const asked = { text, type, limit, viewer: user.userId }
      const answered = await searcher.ask((engine) => engine.suggest(asked))
      reply.headers(headersOf(answered))
      return { suggestions: answered.answer }
    },
  )

  for (const of of ['popular', 'without-results'] as const) {
    app.get(
      `/queries/${of}`,
      { schema: { querystring: ReportQuery, response: { 200: QueryReport } } },
      ({ query, user }) => {
        if (!user.roles.includes('admin')) {
          throw new BanyanError('FORBIDDEN', { reason: 'Only an administrator may do this' })
        }
        return reportQueries(context.pool, of, query)
      },
    )
  }
}

/** Says who answered, and whether another should have: then it may be as little as full text finds. */
function headersOf({ engine, degraded }: Answered<unknown>): Record<string, string> {
  return { 'x-search-engine': engine, ...(degraded ? { 'x-search-degraded': 'true' } : {}) }
}
