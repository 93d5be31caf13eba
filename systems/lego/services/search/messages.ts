import { z } from 'zod'
import { TYPES } from './document.ts'
import { PIECE_RANGE_NAMES } from './engine.ts'

const Text = z.string().trim().min(1).max(200)

export const SearchQuery = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  q: Text,
  type: z.enum(TYPES).default('moc'),
  theme: z.string().max(120).optional(),
  author: z.string().max(120).optional(),
  pieces: z.enum(PIECE_RANGE_NAMES).optional(),
  facets: z.enum(['true', 'false']).default('false'),
})

const Hit = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  rank: z.number(),
})

const Counts = z.array(z.object({ value: z.string(), count: z.int() })).readonly()

export const SearchAnswer = z.object({
  type: z.enum(TYPES),
  query: z.string(),
  results: z.array(Hit).readonly(),
  facets: z.object({ type: Counts, theme: Counts, author: Counts, pieces: Counts }).optional(),
})

export const SuggestQuery = z.object({
  q: Text,
  type: z.enum(TYPES).optional(),
  limit: z.coerce.number().int().min(1).max(20).default(10),
})

export const Suggestions = z.object({ suggestions: z.array(z.string()).readonly() })

export const ReportQuery = z.object({
  days: z.coerce.number().int().min(1).max(90).default(7),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export type ReportQuery = z.infer<typeof ReportQuery>

export const QueryReport = z.object({
  queries: z.array(
    z.object({ query: z.string(), type: z.string(), asked: z.int(), foundNothing: z.int() }),
  ),
})
export type QueryReport = z.infer<typeof QueryReport>
