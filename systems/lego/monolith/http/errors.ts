import type { NextFunction, Request, Response } from 'express'
import multer from 'multer'
import { isOutage, refusal, rootCause } from '../db/failures.ts'

/** A failure the client is told about: `{error: {code, message, details?}}`. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly details: unknown

  constructor(status: number, code: string, message: string, details?: unknown) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

export const notFound = (what: string) =>
  new HttpError(404, 'NOT_FOUND', `There is no such ${what}`)

export function unknownRoute(): never {
  throw notFound('route')
}

/** Express error handler: the one place where failures become answers. */
export function answerError(error: unknown, req: Request, res: Response, next: NextFunction): void {
  if (res.headersSent) {
    next(error)
    return
  }
  const known = translate(error)
  if (known.status >= 500) log(req, error)
  if (known.status === 503) res.set('retry-after', '1')
  const { code, message, details } = known
  res
    .status(known.status)
    .json({ error: { code, message, ...(details === undefined ? {} : { details }) } })
}

function translate(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof multer.MulterError) {
    const status = error.code === 'LIMIT_FILE_SIZE' ? 413 : 400
    return new HttpError(status, error.code, error.message)
  }
  if (isOutage(error)) {
    return new HttpError(503, 'UNAVAILABLE', 'The database cannot be reached, try again')
  }
  // 23505 unique_violation: two requests wanted the same place; either may try again.
  if (refusal(error)?.code === '23505') {
    return new HttpError(409, 'CONFLICT', 'Another request changed the same data, try again')
  }
  const { type } = error as { type?: string }
  if (type === 'entity.parse.failed') {
    return new HttpError(400, 'BAD_JSON', 'The body is not valid JSON')
  }
  if (type === 'entity.too.large') {
    return new HttpError(413, 'TOO_LARGE', 'The body is larger than 1 MiB')
  }
  return new HttpError(500, 'INTERNAL', 'Something went wrong')
}

function log(req: Request, error: unknown): void {
  const cause = rootCause(error)
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = refusal(error)?.code
  console.error(
    JSON.stringify({ level: 'error', method: req.method, path: req.path, code, message }),
  )
}
