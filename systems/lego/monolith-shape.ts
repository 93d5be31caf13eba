import { type App, defineErrors, noSuch, type WriteFailure } from '@banyan/service'
import { z } from 'zod'

/** What the monolith says of the failures that every route may meet. */
const MESSAGES: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'Sign in first',
  VALIDATION: 'The request is not valid',
  UNAVAILABLE: 'The database cannot be reached, try again',
  CONFLICT: 'Another request changed the same data, try again',
  TOO_LARGE: 'The body is larger than 1 MiB',
  INTERNAL: 'Something went wrong',
}

const fail = defineErrors('lego', {
  BAD_JSON: { status: 400, title: 'No JSON', detail: 'The body is not valid JSON' },
})

/** What every route may answer besides what it is for. */
export const FailureOfMonolith = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    /** What is wrong with each field, where the request is not valid; with each line, where a file is not. */
    details: z
      .array(
        z.union([
          z.object({ path: z.string(), message: z.string() }),
          z.object({ at: z.int(), reason: z.string() }),
        ]),
      )
      .optional(),
  }),
})

/**
 * Writes failures as the monolith does: `{error: {code, message, details?}}`. Its clients stay, and
 * shadowed answers are compared with its own.
 *
 * @param thing what an id in a path names, e.g. `wishlist item`
 */
export function writeAsMonolith(thing: string): WriteFailure {
  return (failure) => {
    const { status, code, detail, values, errors } = failure
    const known = (what: unknown) => ({ code: 'NOT_FOUND', message: `There is no such ${what}` })
    // An id that is none names nothing.
    if (errors?.some((fault) => fault.in === 'params')) {
      return { status: 404, body: { error: known(thing) } }
    }
    if (code === 'NOT_FOUND') return { status, body: { error: known(values.what) } }
    const details = errors?.map(({ path, message }) => ({ path, message })) ?? values.details
    const error = { code, message: MESSAGES[code] ?? detail, ...(details ? { details } : {}) }
    return { status, body: { error } }
  }
}

/** An id in a path, `z.string()` in its schema. */
export const PathId = z.object({ id: z.string() })

const Uuid = z.uuid().toLowerCase()

/**
 * An id in a path, looked at after the body: as the monolith does on most routes.
 *
 * @param what it names, e.g. `image`
 * @throws BanyanError NOT_FOUND when it is no uuid, and so names nothing
 */
export function idOf(given: string, what: string): string {
  const parsed = Uuid.safeParse(given)
  if (!parsed.success) throw noSuch(what)
  return parsed.data
}

/** Reads bodies as strictly, and as leniently, as clients of the monolith are used to. */
export function readBodiesAsMonolith(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    (_request, body: string, done) => {
      if (body === '') return done(null, undefined)
      try {
        // Only an object or an array is a body; "text" and 1 are refused.
        if (!/^\s*[[{]/.test(body)) throw new SyntaxError('not an object or array')
        done(null, JSON.parse(body))
      } catch {
        done(fail('BAD_JSON'))
      }
    },
  )
  // No body, or one of another type: the fields it misses are named, as for an empty one.
  app.addHook('preValidation', async (request) => {
    request.body ??= {}
  })
  // A body of another type is not looked at.
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null, undefined)
  })
}
