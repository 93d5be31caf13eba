import type { FastifyInstance } from 'fastify'
import { catalogue } from './answer-error.ts'
import { ServiceError } from './errors.ts'

/**
 * U+0000, or half of a surrogate pair. PostgreSQL refuses the first in a text and both in jsonb (22021,
 * 22P05, 22P02), where every event lies before it is sent: without this each would be answered 500.
 */
const UNSTORABLE = /[\0\p{Surrogate}]/u

/**
 * Refuses requests with a text that cannot be stored, before their handler looks at it; whatever its
 * schema, nobody has a use for one.
 */
export function refuseUnstorableTexts(app: FastifyInstance): void {
  app.addHook('preValidation', ({ params, query, body }, _reply, done) => {
    for (const [part, given] of Object.entries({ params, querystring: query, body })) {
      const path = findUnstorable(given)
      if (path === null) continue
      const message = 'holds a character that no text may have: U+0000, or half of a surrogate pair'
      const where = path === '' ? part : `${part} ${path}`
      throw new ServiceError({
        ...catalogue('VALIDATION', { reason: `${where}: ${message}` }),
        errors: [{ in: part, path, message }],
      })
    }
    done()
  })
}

/** Where the first such text is, with dots; null where there is none. Streams and bytes are not looked at. */
function findUnstorable(given: unknown): string | null {
  // Not by recursion: JSON may be nested deeper than a stack is.
  const left: [path: string, value: unknown][] = [['', given]]
  for (let one = left.pop(); one; one = left.pop()) {
    const [path, value] = one
    if (typeof value === 'string' && UNSTORABLE.test(value)) return path
    if (!isPlain(value)) continue
    for (const [key, inner] of Object.entries(value)) {
      // The key itself is not told: it is what cannot be written down.
      if (UNSTORABLE.test(key)) return path
      left.push([path === '' ? key : `${path}.${key}`, inner])
    }
  }
  return null
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}
