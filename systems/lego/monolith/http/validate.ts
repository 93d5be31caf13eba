import { z } from 'zod'
import { HttpError } from './errors.ts'

/** The value as the schema reads it; throws a 400 that lists every fault. */
export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const details = parsed.error.issues.map((issue) => ({
    path: issue.path.join('.'),
    message: issue.message,
  }))
  throw new HttpError(400, 'VALIDATION', 'The request is not valid', details)
}

const Id = z.uuid()

/** A path parameter that is an id. One that is not a uuid names nothing: 404, as for an unknown id. */
export function idParam(value: unknown, what: string): string {
  const parsed = Id.safeParse(value)
  if (!parsed.success) throw new HttpError(404, 'NOT_FOUND', `There is no such ${what}`)
  return parsed.data.toLowerCase()
}

export const Page = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

export interface Pagination {
  readonly page: number
  readonly limit: number
  readonly total: number
  readonly totalPages: number
}

export function pagination(page: number, limit: number, total: number): Pagination {
  return { page, limit, total, totalPages: Math.ceil(total / limit) }
}
