import { BanyanError, CATALOGUE, NOT_OWNER_HEADER, PROBLEM_TYPE } from '@banyan/contracts'
import { sqlState } from '@banyan/postgres'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { type Failure, type FieldFault, ServiceError } from './errors.ts'
import { isPassing, NOT_OWNER_STATE, rootCause } from './failures.ts'

/** How a failure is written: `null` for problem details, or the shape clients of old are used to. */
export type WriteFailure = (failure: Failure) => { status: number; body: unknown } | null

const UNKEPT_TEXT: ReadonlySet<string> = new Set(['22021', '22P05'])

/** The one place where errors become answers. */
export function answerError(
  write: WriteFailure | undefined,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const failure = failureOf(error, request)
  if (failure.status >= 500) {
    const { message, stack } = rootCause(error)
    request.log.error(
      { code: failure.code, state: sqlState(error), reason: message, stack },
      'request failed',
    )
  }
  if (failure.status === 503) reply.header('retry-after', '1')
  // Whatever shape clients like: this one is for the gateway, which sends the request where the row is.
  const isNotOwner = failure.code === 'NOT_OWNER' && failure.domain === 'banyan'
  if (isNotOwner) reply.header(NOT_OWNER_HEADER, '1')
  const shaped = isNotOwner ? null : write?.(failure)
  // As text: a schema for answers of the route would leave out what it does not know.
  reply.serializer(JSON.stringify)
  return shaped
    ? reply.status(shaped.status).type('application/json; charset=utf-8').send(shaped.body)
    : reply.status(failure.status).type(PROBLEM_TYPE).send(problemOf(failure))
}

/** RFC 9457. */
export function problemOf({ status, code, title, detail, domain, values, errors }: Failure) {
  return {
    ...values,
    type: `urn:${domain}:error:${code.toLowerCase()}`,
    title,
    status,
    detail,
    code,
    ...(errors ? { errors } : {}),
  }
}

function failureOf(error: FastifyError, request: FastifyRequest): Failure {
  if (error instanceof ServiceError) return error.failure
  if (error instanceof BanyanError) return fromCatalogue(error)
  if (sqlState(error) === NOT_OWNER_STATE) return fromCatalogue(notOwner(rootCause(error)))
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map(({ instancePath, message }) => ({
      in: error.validationContext ?? 'body',
      path: instancePath.slice(1).replaceAll('/', '.'),
      message: message ?? 'is not valid',
    }))
    return { ...fromCatalogue(new BanyanError('VALIDATION', { reason: summary(errors) })), errors }
  }
  if (isPassing(error)) {
    return catalogue('UNAVAILABLE', { reason: 'The database cannot be reached.' })
  }
  // unique_violation: two requests wanted the same place; either may try again.
  if (sqlState(error) === '23505') return catalogue('CONFLICT', {})
  // character_not_in_repertoire, untranslatable_character: JSON has it, PostgreSQL's text and jsonb have not.
  if (UNKEPT_TEXT.has(sqlState(error) ?? '')) {
    return catalogue('BAD_REQUEST', { reason: 'A text has the character NUL (U+0000).' })
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return catalogue('TOO_LARGE', { limitBytes: request.routeOptions.bodyLimit })
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return catalogue('UNSUPPORTED_TYPE', { given: request.headers['content-type'] ?? 'nothing' })
  }
  // What else Fastify refuses: JSON that is none, a length that is wrong.
  if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500) {
    return catalogue('BAD_REQUEST', { reason: error.message })
  }
  // What failed is for the log; the client learns nothing from it, an attacker might.
  return catalogue('INTERNAL', { reason: 'The log has it under the correlation id.' })
}

export function catalogue(code: keyof typeof CATALOGUE, values: Record<string, unknown>): Failure {
  return fromCatalogue(new BanyanError(code, values))
}

function fromCatalogue({ code, values, message }: BanyanError): Failure {
  const { status, title } = CATALOGUE[code]
  return { status, code, title, detail: message, domain: 'banyan', values }
}

function summary(errors: readonly FieldFault[]): string {
  const said = errors.slice(0, 3).map(({ in: part, path, message }) => {
    return `${path === '' ? part : `${part} ${path}`}: ${message}`
  })
  const more = errors.length > 3 ? `; and ${errors.length - 3} more` : ''
  return `${said.join('; ')}${more}`
}

function notOwner({ message }: Error): BanyanError {
  // As the guard words it: table: bucket N of extraction "E" is owned by the SIDE since WHEN; …
  const [, bucket, extraction, owner, since] =
    /bucket (\d+) of extraction "([^"]*)" is owned by the (.+) since ([^;]+)/.exec(message) ?? []
  return new BanyanError('NOT_OWNER', {
    bucket: bucket === undefined ? '?' : Number(bucket),
    extraction: extraction ?? '?',
    owner: owner ?? 'other side',
    since: since ?? '?',
  })
}
