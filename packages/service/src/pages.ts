import { BanyanError } from '@banyan/contracts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'

export interface PageLimits {
  /** Items of a page when the client says nothing; 20 by default. */
  readonly usual?: number
  /** Items of a page at most; 100 by default. */
  readonly most?: number
}

/** One page of a list. */
export interface Page<T> {
  readonly items: T[]
  /** Send it as `cursor` for the page after; null on the last one. */
  readonly next: string | null
}

/** A cursor longer than this is none of ours. */
const LONGEST_CURSOR = 1_000

/** The query of a list that is read page by page: `?limit=20&cursor=…`. */
export function pageQuery({ usual = 20, most = 100 }: PageLimits = {}) {
  return z.object({
    limit: z.coerce.number<number>().int().min(1).max(most).default(usual),
    cursor: z.string().max(LONGEST_CURSOR).optional(),
  })
}

/** The answer of such a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}

/**
 * Where a page ends: the values of the last row that the list is ordered by. They go to the client as
 * a text it cannot read, and come back checked. Unlike a page number, a cursor neither skips nor
 * repeats a row when others come and go, and costs the same on page 1,000.
 *
 * @param position what stands in it, e.g. `z.tuple([z.iso.datetime(), z.uuid()])`
 */
export function defineCursor<T>(position: z.ZodType<T>) {
  return {
    /** @throws BanyanError BAD_REQUEST for a text that is no cursor of this list */
    read(cursor: string | undefined): T | null {
      if (cursor === undefined) return null
      const parsed = position.safeParse(decode(cursor))
      if (parsed.success) return parsed.data
      throw new BanyanError('BAD_REQUEST', {
        reason: 'cursor is not one this list gave: begin without it.',
      })
    },

    /**
     * @param rows one more than the page has, as far as there are: `LIMIT limit + 1`
     * @returns the page; where there is a next one, the answer gets a Link to it (RFC 8288) as well
     */
    page<Row>(
      request: FastifyRequest,
      reply: FastifyReply,
      { rows, limit, at }: { rows: readonly Row[]; limit: number; at: (row: Row) => T },
    ): Page<Row> {
      const items = rows.slice(0, limit)
      if (rows.length <= limit) return { items, next: null }
      const next = Buffer.from(JSON.stringify(at(items.at(-1)!))).toString('base64url')
      const [path, query] = request.url.split('?', 2)
      const search = new URLSearchParams(query)
      search.set('cursor', next)
      reply.header(
        'link',
        [reply.getHeader('link'), `<${path}?${search}>; rel="next"`].filter(Boolean).join(', '),
      )
      return { items, next }
    },
  }
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
