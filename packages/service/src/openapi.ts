import { PROBLEM_TYPE } from '@banyan/contracts'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { WriteFailure } from './answer-error.ts'
import { bytes } from './client/api.ts'

/** Problem details (RFC 9457), as `answerError` writes them. */
const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  errors: z
    .array(z.object({ in: z.string(), path: z.string(), message: z.string() }))
    .describe('Each field that breaks its rule')
    .optional(),
})

export interface Described {
  /** Of the OpenAPI document. */
  readonly title: string
  /** Writes failures in another shape than problem details, for clients of old. */
  readonly writeFailure?: WriteFailure | undefined
  /** That shape. */
  readonly failureSchema?: z.ZodType | undefined
}

/** An answer whose type the route does not know beforehand: a file's, or one without a schema. */
const ANYTHING = { '*/*': { schema: {} } }

/** Serves the service's description: OpenAPI 3.1 of its routes' schemas, and the page to browse it. */
export async function describe(app: FastifyInstance, definition: Described): Promise<void> {
  const failure = failureOf(definition)
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: definition.title, version: '1' } },
    transform: (given) => {
      const { schema, url } = jsonSchemaTransform(given)
      const described = (schema as FastifySchema | undefined)?.response as object | undefined
      if (given.schema?.hide || (described && 'default' in described)) return { schema, url }
      const usual = described ?? { 200: { description: 'Success', content: ANYTHING } }
      const files = Object.entries(given.schema?.response ?? {})
        .filter(([, one]) => one === bytes)
        .map(([status]) => [status, { description: 'The content', content: ANYTHING }])
      const response = { ...usual, ...Object.fromEntries(files), default: failure }
      return { schema: { ...schema, response }, url }
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs', logLevel: 'silent' })
}

/** What a route may answer besides what it says itself. */
function failureOf({ writeFailure, failureSchema }: Described) {
  const description = 'What went wrong'
  const [type, schema] = writeFailure
    ? ['application/json', failureSchema ?? z.unknown()]
    : [PROBLEM_TYPE, Problem]
  const { $schema: _, ...content } = z.toJSONSchema(schema)
  return { description, content: { [type]: { schema: content } } }
}
