import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { ServiceContext } from './context.ts'
import type { Tables } from './database.ts'
import type { App, ServiceDefinition } from './define.ts'
import type { Dependencies } from './dependencies.ts'
import { isPassing } from './failures.ts'
import { createHttpApp, type HttpAppParts } from './http-app.ts'
import { readIdentity, requireAccess } from './identity.ts'
import { SettingsError } from './process-settings.ts'
import type { Settings } from './settings.ts'
import { StaleAnswers } from './stale-answers.ts'
import { guardCallers } from './tokens/caller-guard.ts'
import { keySetFrom } from './tokens/service-key.ts'
import { ServiceTokenVerifier } from './tokens/service-token-verifier.ts'
import { refuseUnstorableTexts } from './unstorable-texts.ts'
import { announceEnd } from './versions.ts'

type AppParts = Pick<HttpAppParts, 'health' | 'tracing' | 'tls'>

/** A service's HTTP application: its routes below what every process answers, and who may ask them. */
export async function createApp<Config, T extends Tables, D extends Dependencies>(
  definition: ServiceDefinition<Config, T, D>,
  context: ServiceContext<Config, T, D>,
  parts: AppParts,
): Promise<App> {
  const { name, title, limits, writeFailure, failureSchema } = definition
  const { log, metrics, config } = context
  const former = new StaleAnswers(name)
  const app = await createHttpApp({
    ...parts,
    ...{ title, limits, writeFailure, failureSchema, log, metrics },
    answerInstead: (error, request, reply) =>
      isPassing(error) ? former.answer(request, reply) : null,
  })
  app.addHook('onSend', (request, reply, body, done) => {
    former.keep(request, reply, body)
    done(null, body)
  })
  readIdentity(app, config.BANYAN_IDENTITY_KEY)
  requireKeys(app, name, config)
  guardCallers(app, { tokens: verifierOf(name, config), matchCertificate: parts.tls !== null })
  refuseUnstorableTexts(app)
  for (const [prefix, given] of Object.entries(definition.routes)) {
    const version = typeof given === 'function' ? { routes: given } : given
    await app.register(
      async (api) => {
        announceEnd(api, version)
        requireAccess(api)
        await version.routes(api.withTypeProvider<ZodTypeProvider>(), context)
      },
      { prefix },
    )
  }
  return app
}

/** A route that names its callers, and no key to know them by, is a mistake and not a closed door. */
function requireKeys(app: FastifyInstance, service: string, settings: Settings): void {
  if (settings.BANYAN_SERVICE_KEYS !== undefined) return
  app.addHook('onRoute', ({ method, url, config }) => {
    if (!config?.callers && config?.access !== 'service') return
    const fault = `BANYAN_SERVICE_KEYS is not set: ${method} ${url} asks for a service token`
    throw new SettingsError(service, [fault])
  })
}

/** Without keys there is no service that could be known, and no token is believed. */
function verifierOf(
  audience: string,
  { BANYAN_SERVICE_KEYS, BANYAN_SERVICE_ISSUER }: Settings,
): Pick<ServiceTokenVerifier, 'verify'> {
  if (BANYAN_SERVICE_KEYS === undefined) return { verify: async () => null }
  const keys = keySetFrom(BANYAN_SERVICE_KEYS)
  return new ServiceTokenVerifier({ audience, issuer: BANYAN_SERVICE_ISSUER, keys })
}
