import { BanyanError, NOT_OWNER_HEADER, PROBLEM_TYPE } from '@banyan/contracts'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { isPassing, NOT_OWNER_STATE, rootCause, sqlState } from './failures.ts'

/** A failure the client is told about: `{error: {code, message, details?}}`, as it always was. */
export class ServiceError extends Error {
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

export const noSuch = (what: string) =>
  new ServiceError(404, 'NOT_FOUND', `There is no such ${what}`)

/**
 * Fastify's error handler: the one place where failures become answers.
 *
 * @param thing what an id in a path names, e.g. `wishlist item`
 */
export function answerError(
  thing: string,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (sqlState(error) === NOT_OWNER_STATE) return answerNotOwner(rootCause(error), reply)
  const known = translate(error, thing)
  if (known.status >= 500) {
    request.log.error({ code: sqlState(error), reason: rootCause(error).message }, 'request failed')
  }
  if (known.status === 503) reply.header('retry-after', '1')
  const { code, message, details } = known
  return reply
    .status(known.status)
    .send({ error: { code, message, ...(details === undefined ? {} : { details }) } })
}

function translate(error: FastifyError, thing: string): ServiceError {
  if (error instanceof ServiceError) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    // An id that is none names nothing.
    if (error.validationContext === 'params') return noSuch(thing)
    const details = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.slice(1).replaceAll('/', '.'),
      message,
    }))
    return new ServiceError(400, 'VALIDATION', 'The request is not valid', details)
  }
  if (isPassing(error)) {
    return new ServiceError(503, 'UNAVAILABLE', 'The database cannot be reached, try again')
  }
  // unique_violation: two requests wanted the same place; either may try again.
  if (sqlState(error) === '23505') {
    return new ServiceError(409, 'CONFLICT', 'Another request changed the same data, try again')
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ServiceError(413, 'TOO_LARGE', 'The body is larger than 1 MiB')
  }
  return new ServiceError(500, 'INTERNAL', 'Something went wrong')
}

/** Lets the gateway send the request to the side that owns the row. */
function answerNotOwner({ message }: Error, reply: FastifyReply) {
  // As the guard words it: table: bucket N of extraction "E" is owned by the SIDE since WHEN; …
  const [, bucket, extraction, owner, since] =
    /bucket (\d+) of extraction "([^"]*)" is owned by the (.+) since ([^;]+)/.exec(message) ?? []
  const values = {
    bucket: bucket === undefined ? '?' : Number(bucket),
    extraction: extraction ?? '?',
    owner: owner ?? 'other side',
    since: since ?? '?',
  }
  const problem = new BanyanError('NOT_OWNER', values).toProblem()
  return reply
    .status(problem.status)
    .header(NOT_OWNER_HEADER, '1')
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(problem)
}
