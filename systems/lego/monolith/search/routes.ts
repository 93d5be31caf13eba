import { type SQL, sql } from 'drizzle-orm'
import { Router } from 'express'
import { z } from 'zod'
import type { Database } from '../db/connect.ts'
import { userOf } from '../http/auth.ts'
import { Page, read } from '../http/validate.ts'

const Query = Page.extend({
  q: z.string().trim().min(1).max(200),
  type: z.enum(['moc', 'image', 'wishlist']).default('moc'),
})

interface Hit extends Record<string, unknown> {
  readonly id: string
  readonly title: string
  readonly description: string | null
  readonly rank: number
}

export function searchRoutes(db: Database): Router {
  const router = Router()

  router.get('/', async (req, res) => {
    const { q, type, page, limit } = read(Query, req.query)
    const words = sql`websearch_to_tsquery('english', ${q})`
    const { rows } = await db.execute<Hit>(sql`
      SELECT id, title, description, ts_rank(search, ${words})::float8 AS rank
        FROM (${documents(type, userOf(req).id)}) AS documents
       WHERE search @@ ${words}
       ORDER BY rank DESC, id LIMIT ${limit} OFFSET ${(page - 1) * limit}`)
    res.json({ type, query: q, results: rows })
  })

  return router
}

function documents(type: 'moc' | 'image' | 'wishlist', userId: string): SQL {
  switch (type) {
    case 'moc':
      return sql`SELECT id, title, description, search FROM moc_instructions`
    case 'image':
      return sql`SELECT id, title, description, search FROM gallery_images WHERE NOT flagged`
    // A wishlist is short and only its owner searches it: no index is worth its cost here.
    case 'wishlist':
      return sql`SELECT id, title, description,
                        to_tsvector('english', title || ' ' || coalesce(description, '')) AS search
                   FROM wishlist_items WHERE user_id = ${userId}`
  }
}
