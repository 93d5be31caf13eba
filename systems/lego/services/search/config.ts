import { z } from 'zod'

export const SearchConfig = z.object({
  /** The monolith's database, for as long as it owns what is searched: what stands there is taken over, and followed. */
  SOURCE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** Where OpenSearch answers, e.g. `https://user:password@search.example.org:9200`; without it PostgreSQL answers. */
  OPENSEARCH_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** The alias that is searched; indices are called so too, with a number. */
  OPENSEARCH_INDEX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,60}$/, 'small letters, digits and dashes, a letter first')
    .default('lego-search'),
  /** How long a search may take there until the database answers, ms. */
  OPENSEARCH_TIMEOUT_MS: z.coerce.number().int().min(50).max(30_000).default(5_000),
  /** How long a search waits for what MOC management says of its user's last seconds, ms; then it goes without. */
  MOC_TIMEOUT_MS: z.coerce.number().int().min(50).max(30_000).default(300),
})
export type SearchConfig = z.infer<typeof SearchConfig>
