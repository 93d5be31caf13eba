import {
  type ControlApiOptions,
  createControlApi,
} from '../../packages/migration/src/control-api.ts'
import { createLog, Metrics, Tracing } from '../../packages/service/src/http.ts'
import { tablesOf } from './page.ts'
import { boundsOf, defaultOf, type Schema } from './schema.ts'
import type { ObjectShape, Types } from './types.ts'

interface Parameter {
  readonly in: string
  readonly name: string
  readonly schema: Schema
}

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: {
    readonly content: { readonly 'application/json': { readonly schema: Schema } }
  }
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Bodies that people write; those of gateways and of `banyan archive` are between programs. */
const BODIES: Readonly<Record<string, string>> = {
  '/v1/extractions/{name}/{action}': 'ActionRequest',
  '/v1/extractions/{name}/repair': 'RepairRequest',
  '/v1/extractions/{name}/redrive': 'RedriveRequest',
  '/v1/retire': 'RetireRequest',
}

/** docs/reference/control-api.md: the routes that an engine answers, as its own OpenAPI document has them. */
export async function controlApiPage(types: Types): Promise<string> {
  const { paths } = await documentOf()
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const routes = all.map(({ path, method, operation }) => {
    if (!operation.summary) throw new Error(`nothing is said of ${method} ${path}`)
    const named = (operation.parameters ?? [])
      .filter((one) => one.in === 'query' || one.schema.enum)
      .map(parameterText)
    const body = BODIES[path]
    const takes = [...named, ...(body ? [`[${body}](#${body.toLowerCase()})`] : [])].join('; ')
    return `| \`${method.toUpperCase()} ${path}\` | ${takes} | ${operation.summary} |`
  })
  const bodies = Object.entries(BODIES).map(([path, name]) => {
    const schema = paths[path]!.post!.requestBody!.content['application/json'].schema
    const shape = types.shape('packages/migration/src/requests.ts', name) as ObjectShape
    const object = schema.anyOf?.find(({ properties }) => properties) ?? schema
    return `## ${name}\n\n${tablesOf(shape, object)[0]!.text}`
  })
  return `# The control API

What \`banyan serve\` answers, at \`control.port\` of the plan. The command, the console and the gateways use it; so may you. Made by \`npm run reference\` from
the schemas that requests are checked with. Every engine has the whole of it, with all answers, at \`/openapi.json\`, and a page to browse it at \`/docs/\`.

Each request has \`Authorization: Bearer TOKEN\`: \`control.token\` of the plan, or to read, \`control.viewerToken\`. Failures are problem+json with a code
([errors.md](../errors.md)). Whichever engine is asked takes every decision; the one that leads acts on it.

| route | takes | |
|---|---|---|
${routes.join('\n')}

${bodies.join('\n')}`
}

function parameterText({ name, schema }: Parameter): string {
  const usual = defaultOf(schema) && `${defaultOf(schema)} by default`
  const text = [schema.enum?.join(', '), boundsOf(schema), usual].filter(Boolean).join('; ')
  return `\`${name}\`${text ? ` (${text})` : ''}`
}

/** Of an API that nobody asks: its routes are there, and nothing behind them. */
async function documentOf(): Promise<OpenApi> {
  const nothing = {
    plan: { control: { token: 'nobody asks for it' }, monolith: {} },
    plans: [],
    store: { readAll: async () => [] },
    health: {},
  } as unknown as ControlApiOptions
  const log = createLog('reference', 'silent', () => {})
  const metrics = new Metrics('reference')
  const tracing = await Tracing.open('reference', undefined)
  const app = await createControlApi({ ...nothing, log, metrics, tracing })
  try {
    return (await app.inject('/openapi.json')).json<OpenApi>()
  } finally {
    await app.close()
  }
}
