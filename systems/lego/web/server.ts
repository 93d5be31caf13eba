import { fileURLToPath } from 'node:url'
import { bundlePage } from '@banyan/console/bundle'
import { assetFor, documentOf, pageHeaders } from '@banyan/console/serve-page'
import { BanyanError, PROBLEM_TYPE } from '@banyan/contracts'
import proxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import fastify, { type FastifyInstance } from 'fastify'
import type { Settings } from './settings.ts'

/** Pictures are at the addresses that builders gave them. */
const HEADERS = pageHeaders('http: https: data:')

/** Longer than the gateway's own 30 s for uploads: it is the gateway that says what went wrong. */
const ANSWER_MS = 60_000

/**
 * The page, and beside it, of one origin, what the page talks to: `/api` is the gateway's, `/auth` signs people in.
 *
 * @throws when the page's sources cannot be read.
 */
export async function createWeb(settings: Settings): Promise<FastifyInstance> {
  const bundle = await bundlePage({
    entry: fileURLToPath(new URL('page/main.tsx', import.meta.url)),
    title: 'LEGO Projects',
  })
  const app = fastify({ logger: false, forceCloseConnections: 'idle' })

  await app.register(proxy, passOn('The gateway', settings.GATEWAY_URL, '/api', '/api'))
  // What else the Auth Service answers is not for browsers.
  for (const path of ['/users', '/sign-in']) {
    await app.register(proxy, {
      ...passOn('The Auth Service', settings.AUTH_URL, `/auth${path}`, path),
      httpMethods: ['POST'],
    })
  }

  await app.register(async (page) => {
    page.addHook('onSend', async (_request, reply) => {
      reply.headers(HEADERS)
    })
    for (const [path, asset] of bundle.assets) {
      page.get(path, (request, reply) => {
        const { headers, content } = assetFor(request.headers['accept-encoding'], asset)
        return reply.headers(headers).send(content)
      })
    }
    page.get('/health', (_request, reply) => reply.send({ status: 'ok' }))
    // Whatever the address says, it is the page that knows.
    page.get('/*', (request, reply) => {
      if (request.url.startsWith('/assets/') || request.url.startsWith('/auth/')) {
        return reply.status(404).type('text/plain').send('There is nothing here.')
      }
      const { headers, content } = documentOf(bundle)
      return reply.headers(headers).send(content)
    })
  })
  return app
}

/** Sends what comes under `prefix` to `upstream`, under `rewritePrefix` there. */
function passOn(name: string, upstream: string, prefix: string, rewritePrefix: string) {
  return {
    ...{ upstream, prefix, rewritePrefix },
    undici: { headersTimeout: ANSWER_MS },
    // Who asks again, and how often, is the page's to say.
    retryMethods: [],
    replyOptions: {
      // The gateway limits each address, and should not take us for all of them.
      rewriteRequestHeaders: ({ ip }, headers) => ({
        ...headers,
        'x-forwarded-for': [headers['x-forwarded-for'] ?? [], ip].flat().join(', '),
      }),
      onError(reply, { error }) {
        const { code = 'it broke off' } = error as NodeJS.ErrnoException
        const values = { upstream: name, reason: code }
        const problem = new BanyanError('UPSTREAM_UNREACHABLE', values).toProblem()
        void reply.status(problem.status).type(PROBLEM_TYPE).send(problem)
      },
    },
  } satisfies FastifyHttpProxyOptions
}
