import { defineService, startService } from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Documents } from './documents.ts'
import { createPortal } from './portal.ts'
import { readSettings } from './settings.ts'

const stock = defineService({
  name: 'stock',
  port: 0,
  title: 'Stock <b>Service</b>',
  routes: {
    '/v1/items': (app) => {
      app.get('/:id', { schema: { summary: 'What is left of an item' } }, () => ({}))
    },
  },
})

let running: { url: string; stop(): Promise<void> }
let others: FastifyInstance
let portal: FastifyInstance
beforeAll(async () => {
  const env = { PORT: '0', LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: IDENTITY_KEY }
  running = await startService(stock, { env })
  others = fastify({ forceCloseConnections: true })
  others.get('/none/openapi.json', () => ({ swagger: '2.0' }))
  others.get('/large/openapi.json', (_request, reply) => reply.send('x'.repeat(5 * 1024 * 1024)))
  others.get('/hangs/openapi.json', () => new Promise(() => {}))
  const at = await others.listen({ port: 0 })
  const SERVICES = [
    `stock=${running.url}/`,
    ...['none', 'large', 'hangs'].map((name) => `${name}=${at}/${name}`),
    'away=http://127.0.0.1:1',
  ].join(', ')
  portal = createPortal(readSettings({ SERVICES }))
})
afterAll(async () => {
  await portal?.close()
  await others?.close()
  await running?.stop()
})

it('lists each service with its version, its routes, and where to browse it', async () => {
  const { body, headers } = await portal.inject('/')
  expect(headers['content-type']).toMatch('text/html')
  expect(headers['content-security-policy']).toMatch("default-src 'none'")
  expect(body).toContain('1 of 5 services')
  expect(body).toContain('Version 1, OpenAPI 3.1.0')
  expect(body).toContain('<a href="/apis/stock">document</a>')
  expect(body).toContain(`<a href="${running.url}/docs">`)
  expect(body).toContain('<code>/v1/items/{id}</code></td><td>What is left of an item</td>')
  // What a service calls itself is a text, and no more.
  expect(body).toContain('Stock &lt;b&gt;Service&lt;/b&gt;')
})

it('shows how each service fares, and why one is not known', async () => {
  const look = async () => (await portal.inject('/figures')).json().services
  const faults = async () => (await look()).map(({ fault }: { fault: string | null }) => fault)
  await expect.poll(faults).toEqual([null, ...Array(3).fill('answered 404'), 'cannot be reached'])
  expect((await portal.inject('/services')).body).toContain('cannot be reached')
})

it('answers a document as its service does', async () => {
  const { paths } = (await portal.inject('/apis/stock')).json()
  expect(Object.keys(paths)).toEqual(['/v1/items/{id}'])
  for (const name of ['away', 'nobody']) {
    expect((await portal.inject(`/apis/${name}`)).statusCode).toBe(404)
  }
})

it('says why a document is not there, and shows the others', async () => {
  const { apis } = (await portal.inject('/apis')).json()
  expect(
    apis.map(({ name, version, fault }: Record<string, string>) => [name, version, fault]),
  ).toEqual([
    ['stock', '1', null],
    ['none', null, 'is no OpenAPI 3 document'],
    ['large', null, 'is larger than 4194304 bytes'],
    ['hangs', null, 'did not answer within 2000 ms'],
    ['away', null, 'cannot be reached'],
  ])
})

it('shows what a service said last while it is away', async () => {
  let now = 0
  const gone = await startService(stock, {
    env: { PORT: '0', LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: IDENTITY_KEY },
  })
  const documents = new Documents([{ name: 'stock', url: gone.url }], () => now)
  expect(await documents.list()).toMatchObject([{ fault: null, document: { openapi: '3.1.0' } }])
  await gone.stop()
  // Whoever looks again at once asks nobody.
  expect(await documents.list()).toMatchObject([{ fault: null }])
  now += 10_001
  expect(await documents.list()).toMatchObject([
    { fault: 'cannot be reached', document: { openapi: '3.1.0' } },
  ])
})

it.each(['moc', 'moc=ftp://x', 'a=http://x,a=http://y', ''])(
  'refuses services that are none: "%s"',
  (SERVICES) => {
    expect(() => readSettings({ SERVICES })).toThrow('portal: settings are not valid: SERVICES')
  },
)
