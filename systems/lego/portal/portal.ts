import { BanyanError, PROBLEM_TYPE } from '@banyan/contracts'
import fastify, { type FastifyInstance } from 'fastify'
import { Documents } from './documents.ts'
import { pageOf } from './page.ts'
import type { Settings } from './settings.ts'
import { Watch } from './watch.ts'
import { watchPageOf } from './watch-page.ts'

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/**
 * One page of all OpenAPI documents: `/`; `/apis` lists them as JSON, `/apis/:name` is one as its service
 * answered it last. And one of how the services fare now: `/services`, `/figures` as JSON.
 */
export function createPortal({ SERVICES }: Pick<Settings, 'SERVICES'>): FastifyInstance {
  const documents = new Documents(SERVICES)
  const watch = new Watch(SERVICES)
  const app = fastify({ logger: false, forceCloseConnections: 'idle' })
  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))

  app.get('/', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(pageOf(await documents.list())),
  )
  app.get('/apis', async () => ({
    apis: (await documents.list()).map(({ name, url, document, fault }) => ({
      name,
      title: document?.info.title ?? null,
      version: document?.info.version ?? null,
      document: document && `/apis/${name}`,
      page: `${url}/docs`,
      fault,
    })),
  }))
  app.get<{ Params: { name: string } }>('/apis/:name', async ({ params: { name } }, reply) => {
    const listed = (await documents.list()).find((one) => one.name === name)
    if (listed?.document) return listed.document
    const { code, message: detail } = new BanyanError('NOT_FOUND', { what: 'document' })
    return reply.status(404).type(PROBLEM_TYPE).send({ code, detail, status: 404 })
  })
  app.addHook('onReady', async () => watch.start())
  app.addHook('onClose', async () => watch.stop())
  app.get('/services', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(watchPageOf(watch.list())),
  )
  app.get('/figures', () => ({ services: watch.list() }))
  app.get('/health', () => ({ status: 'ok' }))
  return app
}
