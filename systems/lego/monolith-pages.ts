import { z } from 'zod'

/** Pages by number, as the monolith's clients ask for them. */
export const PageQuery = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
type PageQuery = z.infer<typeof PageQuery>

export const Pagination = z.object({
  page: z.int(),
  limit: z.int(),
  total: z.int(),
  totalPages: z.int(),
})

/** Rows before the page. */
export function offsetOf({ page, limit }: PageQuery): number {
  return (page - 1) * limit
}

interface PageOf<Row> {
  readonly rows: readonly Row[]
  readonly pagination: z.infer<typeof Pagination>
}

/**
 * A page, and how many rows there are on all pages together. What reads the rows counts them too, so that both are
 * of one moment; past the end there is no row to say it with, and they are counted apart.
 *
 * @param selected `db.select({ row: …, total })`, of this page
 * @param count `() => db.$count(…)`, with the condition of the rows
 */
export async function readPage<Row>(
  { page, limit }: PageQuery,
  selected: PromiseLike<readonly { readonly row: Row; readonly total: number }[]>,
  count: () => PromiseLike<number>,
): Promise<PageOf<Row>> {
  const found = await selected
  const all = found[0]?.total ?? (page === 1 ? 0 : await count())
  return {
    rows: found.map(({ row }) => row),
    pagination: { page, limit, total: all, totalPages: Math.ceil(all / limit) },
  }
}
