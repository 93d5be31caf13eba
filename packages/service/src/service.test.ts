import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { bytes, defineErrors, defineService, startService } from './index.ts'
import { startNotes } from './testing/notes.ts'
import { ask, IDENTITY_KEY } from './testing/requests.ts'

const fail = defineErrors('shelf', {
  SHELF_FULL: { status: 409, title: 'The shelf is full', detail: 'It has {count} of {limit}.' },
})

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

describe('a service with a database', () => {
  let service: Awaited<ReturnType<typeof startNotes>>
  const lines: string[] = []
  beforeAll(async () => {
    const url = await server.createDatabase('notes')
    // A role that may do no more than make its own schema.
    const admin = new pg.Client(url)
    await admin.connect()
    await admin.query(`CREATE ROLE notes LOGIN PASSWORD 'hunter2secret'`)
    await admin.query(`GRANT CREATE ON DATABASE notes TO notes`)
    await admin.end()
    const own = new URL(url)
    own.username = 'notes'
    own.password = 'hunter2secret'
    const settings = { DATABASE_URL: own.href, LOG_LEVEL: 'info' }
    service = await startNotes(server, settings, { writeLog: (line) => lines.push(line) })
  })
  afterAll(() => service?.stop())

  it('keeps and gives back what its user sent', async () => {
    const created = await ask(`${service.url}/v1/notes`, { user: 'ada', body: { body: 'milk' } })
    expect(created).toMatchObject({ status: 201, body: { body: 'milk' } })
    const { id } = created.body as { id: string }
    const own = await ask(`${service.url}/v1/notes/${id}`, { user: 'ada' })
    expect(own).toMatchObject({ status: 200, body: { id, body: 'milk' } })
    const foreign = await ask(`${service.url}/v1/notes/${id}`, { user: 'eve' })
    expect(foreign).toMatchObject({
      status: 404,
      body: {
        code: 'NOT_FOUND',
        type: 'urn:banyan:error:not_found',
        detail: 'There is no such note.',
      },
    })
    expect(foreign.headers.get('content-type')).toMatch('application/problem+json')
  })

  it('lets nobody in whom no signed identity names, whatever bare headers say', async () => {
    const bare = await ask(`${service.url}/v1/notes`, {
      body: { body: 'x' },
      headers: { 'x-user-id': 'ada' },
    })
    expect(bare).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
    expect((await ask(`${service.url}/v1/notes/a/b`)).status).toBe(401)
    const forged = await ask(`${service.url}/v1/notes`, {
      body: { body: 'x' },
      headers: { 'x-banyan-identity': 'e30.AAAA' },
    })
    expect(forged.body).toMatchObject({ detail: expect.stringContaining('forged or expired') })
  })

  it('names each field of a request that breaks its rule', async () => {
    const answer = await ask(`${service.url}/v1/notes`, {
      user: 'ada',
      body: { body: '', more: 1 },
    })
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: 'VALIDATION',
        errors: [
          { in: 'body', path: 'body' },
          { in: 'body', path: '' },
        ],
      },
    })
    const text = await ask(`${service.url}/v1/notes`, {
      user: 'ada',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    })
    expect(text).toMatchObject({ status: 415, body: { given: 'text/plain' } })
    for (const path of ['0'.repeat(2_000), '%zz']) {
      const unread = await ask(`${service.url}/v1/notes/${path}`, { user: 'ada' })
      expect(unread).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } })
      expect(unread.headers.get('content-type')).toMatch('application/problem+json')
    }
    const broken = await ask(`${service.url}/v1/notes`, { user: 'ada', body: '{"body":' })
    expect(broken).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } })
    // JSON has it, and the tables have not.
    const large = await ask(`${service.url}/v1/notes`, {
      user: 'ada',
      body: { body: 'x'.repeat(1024 * 1024) },
    })
    expect(large).toMatchObject({ status: 413, body: { limitBytes: 1024 * 1024 } })
  })

  it('describes its routes, and serves the page to browse them by itself', async () => {
    const { body } = await ask(`${service.url}/openapi.json`)
    expect(body).toMatchObject({
      openapi: expect.stringMatching(/^3\./),
      info: { title: 'Note Service' },
      paths: { '/v1/notes': { post: { requestBody: {} } }, '/v1/notes/{id}': { get: {} } },
    })
    // What every route may answer besides: it need not say so itself.
    const { paths } = body as { paths: Record<string, { get: { responses: object } }> }
    expect(paths['/v1/notes/{id}']!.get.responses).toMatchObject({
      200: {},
      default: {
        content: {
          'application/problem+json': { schema: { required: expect.arrayContaining(['code']) } },
        },
      },
    })
    const page = await ask(`${service.url}/docs`)
    expect(page.status).toBe(200)
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//)
  })

  it('is ready while its database is', async () => {
    expect((await ask(`${service.url}/health`)).body).toEqual({ status: 'ok' })
    expect((await ask(`${service.url}/health/live`)).status).toBe(200)
    expect(await ask(`${service.url}/health/ready`)).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        checks: [{ name: 'database', ok: true, required: true }, { name: 'bus' }],
      },
    })
  })

  it('counts requests by the template of their route', async () => {
    await ask(`${service.url}/v1/notes/none`, { user: 'ada' })
    const { text } = await ask(`${service.url}/metrics`)
    expect(text).toMatch(
      /http_requests_total\{method="GET",route="\/v1\/notes\/:id",status="400",service="notes"\} 1/,
    )
    expect(text).toMatch(/http_request_duration_seconds_bucket\{le="0.1",/)
    expect(text).toMatch(/db_pool_connections\{state="total",service="notes"\} \d/)
    expect(text).toMatch(/db_pool_connections_max\{service="notes"\} 20\n/)
    // The role may look at nobody else's sessions, and counts them all the same.
    const [, used] = /db_server_connections\{service="notes"\} (\d+)/.exec(text)!
    expect(Number(used)).toBeGreaterThan(0)
    expect(text).toMatch(/db_server_connections_max\{service="notes"\} 197\n/)
  })

  it('refuses texts that no database takes, and says where they are', async () => {
    for (const [body, path] of [
      ['a\0b', 'body'],
      ['a\ud800b', 'body'],
    ]) {
      const answer = await ask(`${service.url}/v1/notes`, { user: 'ada', body: { body } })
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ in: 'body', path }] } })
    }
    const deep = await ask(`${service.url}/v1/notes`, {
      user: 'ada',
      body: { body: 'x', more: [{ 'k\0': 1 }] },
    })
    expect(deep).toMatchObject({ status: 400, body: { errors: [{ in: 'body', path: 'more.0' }] } })
    const id = await ask(`${service.url}/v1/notes/%00`, { user: 'ada' })
    expect(id).toMatchObject({ status: 400, body: { errors: [{ in: 'params', path: 'id' }] } })
    // Whole pairs are texts.
    const emoji = await ask(`${service.url}/v1/notes`, { user: 'ada', body: { body: '\u{1f9f1}' } })
    expect(emoji).toMatchObject({ status: 201, body: { body: '\u{1f9f1}' } })
  })

  it('keeps a correlation id that is one, and writes it with the user into each line', async () => {
    const correlationId = 'trip.1_a-b'
    const headers = { 'x-correlation-id': correlationId }
    const kept = await ask(`${service.url}/v1/notes/none?token=abc`, { user: 'ada', headers })
    expect(kept.headers.get('x-correlation-id')).toBe(correlationId)
    const line = lines.find((one) => one.includes(correlationId))!
    expect(JSON.parse(line)).toMatchObject({
      service: 'notes',
      level: 'info',
      correlationId,
      userId: 'ada',
      route: '/v1/notes/:id',
      path: '/v1/notes/none',
      status: 400,
    })
    const made = await ask(`${service.url}/health`, { headers: { 'x-correlation-id': 'a b' } })
    expect(made.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('writes no secret into its log', () => {
    service.context.log.error(
      { deep: { headers: { authorization: 'Bearer abcdefghijkl', 'set-cookie': 's=1' } } },
      `no connection: ${service.context.config.DATABASE_URL}`,
    )
    const last = lines.at(-1)!
    expect(last).toContain('postgres://notes:***@127.0.0.1')
    expect(last).not.toMatch(/abcdefghijkl|s=1|hunter2secret/)
    expect(lines.join()).not.toContain('hunter2secret')
  })
})

describe('a service without a database', () => {
  const shelf = defineService({
    name: 'shelf',
    port: 0,
    title: 'Shelf Service',
    config: z.object({ SHELF_LIMIT: z.coerce.number().int().min(1) }),
    routes: {
      '/v1/shelf': {
        deprecated: {
          since: new Date('2026-01-01T00:00:00Z'),
          sunset: new Date('2026-06-01T00:00:00Z'),
          successor: '/v2/shelf',
        },
        routes: (app, { config }) => {
          app.get('/', { config: { access: 'anybody' } }, () => {
            throw fail('SHELF_FULL', { count: 3, limit: config.SHELF_LIMIT })
          })
        },
      },
      '/v2/shelf': (app, context) => {
        app.get('/', { config: { access: 'anybody' } }, () => {
          throw new Error(`cannot reach ${context.name}:secret`)
        })
        app.get('/rows', { config: { access: 'anybody' } }, () => context.db)
        const response = { 200: bytes, 415: z.object({ given: z.string() }) }
        app.get('/photo', { schema: { response } }, () => new Uint8Array())
      },
    },
  })

  it('answers its own errors, and tells clients of an old version when it ends', async () => {
    const env = { BANYAN_IDENTITY_KEY: IDENTITY_KEY, SHELF_LIMIT: '2', LOG_LEVEL: 'silent' }
    const service = await startService(shelf, { env })
    const old = await ask(`${service.url}/v1/shelf`)
    expect(old).toMatchObject({
      status: 409,
      body: {
        type: 'urn:shelf:error:shelf_full',
        code: 'SHELF_FULL',
        detail: 'It has 3 of 2.',
        count: 3,
      },
    })
    expect(old.headers.get('deprecation')).toBe('@1767225600')
    expect(old.headers.get('sunset')).toBe('Mon, 01 Jun 2026 00:00:00 GMT')
    expect(old.headers.get('link')).toBe('</v2/shelf>; rel="successor-version"')
    const current = await ask(`${service.url}/v2/shelf`)
    expect(current.headers.has('deprecation')).toBe(false)
    expect(current).toMatchObject({ status: 500, body: { code: 'INTERNAL' } })
    expect(current.text).not.toContain('secret')
    expect((await ask(`${service.url}/v2/shelf/rows`)).status).toBe(500)
    const { body } = await ask(`${service.url}/openapi.json`)
    const anything = { get: { responses: { 200: { content: { '*/*': {} } } } } }
    expect(body).toMatchObject({
      paths: { '/v2/shelf/photo': anything, '/v2/shelf/rows': anything },
    })
    // One failure that a route tells of is not the only one there is.
    const failures = { 415: {}, default: { content: { 'application/problem+json': {} } } }
    expect(body).toMatchObject({ paths: { '/v2/shelf/photo': { get: { responses: failures } } } })
    await service.stop()
  })

  it('names every setting that breaks its rule at once, and shows no secret', async () => {
    const env = { PORT: '99999', BANYAN_IDENTITY_KEY: 'short', LOG_LEVEL: 'loud', SHELF_LIMIT: '' }
    const failure = await startService(shelf, { env }).catch((error: Error) => error)
    const { message } = failure as Error
    expect(message).toMatch(/^shelf: 4 settings are not valid:\n/)
    expect(message).toMatch(/PORT is "99999": .*65535/)
    expect(message).toMatch(/LOG_LEVEL is "loud": .*"warn"/)
    expect(message).toMatch(/BANYAN_IDENTITY_KEY: .*16/)
    expect(message).toMatch(/SHELF_LIMIT is not set: /)
    expect(message).not.toContain('short')
  })

  it('is refused where its definition breaks a rule', () => {
    const right = { name: 'a', port: 1, title: 'A', routes: {} }
    expect(() => defineService({ ...right, name: 'A b' })).toThrow('"A b" is no name of a service')
    expect(() => defineService({ ...right, port: 70_000 })).toThrow('port is 70000')
    expect(() => defineService({ ...right, routes: { '/things': () => {} } })).toThrow(
      'below a version, e.g. "/v1/things"; given "/things"',
    )
    expect(() => defineErrors('a', { NOT_FOUND: { status: 404, title: '', detail: '' } })).toThrow(
      'in the common catalogue',
    )
  })
})
