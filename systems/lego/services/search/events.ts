import { defineEvent } from '@banyan/bus'
import { z } from 'zod'

/** What the Search Service says; others import this file. Key: the wording. Nobody is named in it. */

export const SearchQueryExecuted = defineEvent({
  type: 'search.query.executed',
  version: 1,
  payload: z.object({
    /** In small letters, spaces made one. */
    query: z.string(),
    type: z.string(),
    /** On the page that was asked for. */
    results: z.int(),
    page: z.int(),
    durationMs: z.number(),
    /** What answered. */
    engine: z.string(),
    degraded: z.boolean(),
    executedAt: z.iso.datetime(),
  }),
})

export const searchEvents = [SearchQueryExecuted]
