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

/** @param total rows on all pages together */
export function paginationOf(
  { page, limit }: PageQuery,
  total: number,
): z.infer<typeof Pagination> {
  return { page, limit, total, totalPages: Math.ceil(total / limit) }
}

/** Rows before the page. */
export function offsetOf({ page, limit }: PageQuery): number {
  return (page - 1) * limit
}
