import { type Plan, type RunningEngine, startEngine } from '@banyan/migration'
import { EmbeddedPostgres, freePort } from '@banyan/postgres'
import { createLog } from '@banyan/service/http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountConsole } from './index.ts'

/* The engine with its console; neither the monolith nor the service of its plan is there. */

const TOKEN = 'a-control-token-for-tests'
const VIEWER = 'a-viewer-token-for-tests'

let server: EmbeddedPostgres
let plan: Plan
let engine: RunningEngine

const start = (tokens = { token: TOKEN, viewerToken: VIEWER }) =>
  startEngine(
    { ...plan, control: { ...plan.control, ...tokens } },
    { log: createLog('engine', 'silent'), port: 0, console: mountConsole },
  )

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const nowhere = `127.0.0.1:${await freePort()}`
  const side = { url: `http://${nowhere}`, databaseUrl: `postgres://app:hunter2@${nowhere}/app` }
  plan = {
    control: { databaseUrl: await server.createDatabase('control'), token: TOKEN },
    monolith: side,
    gateway: { port: 0, identityKey: 'an-identity-key-for-tests', auth: { kind: 'none' } },
    extractions: [
      {
        name: 'orders',
        service: side,
        routes: [{ methods: ['GET'], path: '/orders' }],
        tables: [{ source: 'public.orders', target: 'public.orders', owner: 'customer' }],
      },
    ],
  }
  engine = await start()
})
afterAll(async () => {
  await engine?.close()
  await server?.stop()
})

type Headers = Record<string, string>

async function ask(path: string, body?: object, headers: Headers = {}, at = engine) {
  const answer = await fetch(at.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: answer.status, headers: answer.headers, text, json }
}

/** @returns what a browser sends from then on, and says itself where it decides something. */
async function signIn(credentials: object): Promise<{ cookie: string; forgery: Headers }> {
  const { status, headers, json } = await ask('/console/session', credentials)
  expect(status).toBe(200)
  const cookie = headers.get('set-cookie')!.split(';')[0]!
  return { cookie, forgery: { cookie, 'x-banyan-forgery': String(json.forgeryToken) } }
}

const pause = (headers: Headers, body: object = { why: 'lunch' }) =>
  ask('/v1/extractions/orders/throttle', { rowsPerSecond: 5, ...body }, headers)

describe('the page', () => {
  it('is one document for each place, which lets nothing run but its own script', async () => {
    for (const path of ['/', '/sign-in', '/extractions/orders']) {
      const { status, text, headers } = await ask(path)
      expect({ status, type: headers.get('content-type') }).toEqual({
        status: 200,
        type: 'text/html; charset=utf-8',
      })
      expect(headers.get('content-security-policy')).toMatch(
        /default-src 'none'; script-src 'self';.*frame-ancestors 'none'/,
      )
      expect(text).not.toMatch(/<script>|style=|onclick/)
    }
  })

  it('names what it loads by its content, for browsers to keep', async () => {
    const paths = [...(await ask('/')).text.matchAll(/"(\/assets\/[^"]+)"/g)].map(
      ([, path]) => path,
    )
    expect(paths).toHaveLength(2)
    for (const path of paths) {
      const { status, headers } = await ask(path!)
      expect({ status, kept: headers.get('cache-control') }).toEqual({
        status: 200,
        kept: 'public, max-age=31536000, immutable',
      })
    }
    expect((await ask('/assets/page-of-another-version.js')).status).toBe(404)
  })
})

describe('signing in', () => {
  it('keeps the session where no script and no other site comes by it', async () => {
    const { headers } = await ask('/console/session', { name: 'Ada', token: TOKEN })
    const cookie = headers.get('set-cookie')!
    expect(cookie).toMatch(
      /^banyan_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=/,
    )
    expect(cookie).not.toContain('Secure')
    const behindTls = await ask(
      '/console/session',
      { name: 'Ada', token: TOKEN },
      { 'x-forwarded-proto': 'https' },
    )
    expect(behindTls.headers.get('set-cookie')).toContain('; Secure')
  })

  it('is remembered over a restart, and forgotten when somebody leaves', async () => {
    const { cookie, forgery } = await signIn({ name: 'Ada', token: TOKEN })
    const other = await start()
    const { json } = await ask('/console/session', undefined, { cookie }, other)
    expect(json).toMatchObject({ name: 'Ada', role: 'operator' })
    await other.close()
    const left = await fetch(`${engine.url}/console/session`, {
      method: 'DELETE',
      headers: forgery,
    })
    expect(left.status).toBe(204)
    for (const path of ['/console/session', '/v1/status']) {
      expect((await ask(path, undefined, { cookie })).status).toBe(401)
    }
  })

  it('ends when a token of the plan changes', async () => {
    const { cookie } = await signIn({ name: 'Ada', token: TOKEN })
    const other = await start({ token: `${TOKEN}-2`, viewerToken: VIEWER })
    expect((await ask('/v1/status', undefined, { cookie }, other)).status).toBe(401)
    await other.close()
  })

  it('goes by a link too, once, which only the token of operators makes', async () => {
    const make = (token: string) =>
      ask('/console/links', { name: 'Grace', role: 'viewer' }, { authorization: `Bearer ${token}` })
    expect((await make(VIEWER)).status).toBe(401)
    const link = String((await make(TOKEN)).json.path).split('#')[1]!
    const { cookie } = await signIn({ link })
    expect((await ask('/console/session', undefined, { cookie })).json).toMatchObject({
      name: 'Grace',
      role: 'viewer',
    })
    const again = await ask('/console/session', { link })
    expect(again.json).toMatchObject({ status: 401, code: 'SIGN_IN_REFUSED' })
    expect(again.headers.get('set-cookie')).toBe(null)
  })
})

describe('a session', () => {
  it('decides in the name that it was opened for, with a reason, and not otherwise', async () => {
    const { forgery } = await signIn({ name: 'Ada', token: TOKEN })
    expect((await pause(forgery, { why: 'load', by: 'Mallory' })).status).toBe(202)
    const { json } = await ask('/v1/ledger/search?text=load', undefined, forgery)
    expect(json.entries).toMatchObject([{ what: 'throttle', detail: { by: 'Ada', why: 'load' } }])
    for (const why of [{}, { why: ' ' }]) {
      expect((await pause(forgery, why)).json).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
    }
  })

  it('decides only from the console’s own page', async () => {
    const { cookie, forgery } = await signIn({ name: 'Ada', token: TOKEN })
    const other = await signIn({ name: 'Ada', token: TOKEN })
    for (const headers of [
      { cookie },
      { cookie, 'x-banyan-forgery': 'guessed' },
      { ...other.forgery, cookie },
      { ...forgery, 'sec-fetch-site': 'cross-site' },
    ]) {
      expect((await pause(headers)).json).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    }
  })

  it('registers no gateway, to which the engine would send its token', async () => {
    const { forgery } = await signIn({ name: 'Ada', token: TOKEN })
    const gateway = { id: 'g', adminUrl: 'http://127.0.0.1:1', publicUrl: 'http://127.0.0.1:1' }
    expect((await ask('/v1/gateways', gateway, forgery)).status).toBe(403)
  })
})

it('viewers see everything and decide nothing, signed in or by their token', async () => {
  const { forgery } = await signIn({ name: 'Grace', token: VIEWER })
  for (const headers of [forgery, { authorization: `Bearer ${VIEWER}` }]) {
    for (const path of ['status', 'system', 'ledger', 'extractions/orders/actions']) {
      expect((await ask(`/v1/${path}`, undefined, headers)).status, path).toBe(200)
    }
    expect((await pause(headers)).json).toMatchObject({ status: 403, code: 'FORBIDDEN' })
  }
})

describe('what a person wants to see', () => {
  const bearer = { authorization: `Bearer ${TOKEN}` }

  it('is who is where, without a password', async () => {
    const { json, text } = await ask('/v1/system', undefined, bearer)
    expect(json).toMatchObject({
      extractions: [{ name: 'orders', routes: ['GET /orders'], steps: [1, 10, 50, 100] }],
    })
    expect(text).not.toContain('hunter2')
  })

  it('is what an action would do, or why it is refused', async () => {
    const { json } = await ask('/v1/extractions/orders/actions', undefined, bearer)
    const actions = json.actions as { action: string; refused: string | null; does: string[] }[]
    const of = (name: string) => actions.find(({ action }) => action === name)!
    expect(of('start').refused).toBe(null)
    expect(of('start').does.join('\n')).toContain('public.orders -> public.orders')
    expect(of('rollback').refused).toContain('is planned')
    expect(of('rollback').does).toEqual([])
  })

  it('is what the service has given up, or why that is not known', async () => {
    const { json, text } = await ask('/v1/extractions/orders/durable', undefined, bearer)
    expect(json).toMatchObject({ letters: [], sagas: [] })
    expect(json.unknown).toContain('does not answer')
    expect(text).not.toContain('hunter2')
  })

  it('is the newest of the ledger, page by page', async () => {
    const search = async (query: string) =>
      (await ask(`/v1/ledger/search?${query}`, undefined, bearer)).json.entries as { seq: number }[]
    const [first, second] = await search('limit=2')
    expect(first!.seq).toBeGreaterThan(second?.seq ?? 0)
    expect(await search(`before=${first!.seq}&limit=1`)).toEqual(second ? [second] : [])
    expect(await search('text=100%25')).toEqual([])
  })
})

it('lets nobody guess: after ten failures within a minute an address waits', async () => {
  const guess = () => ask('/console/session', { name: 'Mallory', token: 'a-guess-of-the-token' })
  const codes: unknown[] = []
  while (!codes.includes('TOO_MANY_REQUESTS')) codes.push((await guess()).json.code)
  expect(codes.length).toBeLessThanOrEqual(11)
})
