import { SignJWT } from 'jose'
import { expect, it } from 'vitest'
import { schemeToken } from './credentials.ts'
import { ALL, raw, startGateway, table, upstream } from './testing.ts'

const SECRET = 'a secret of the tests'
const sign = (expires: string) =>
  new SignJWT({ sub: 'ann', email: 'ann@example.org', roles: ['user', 'admin'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(SECRET))

async function moved() {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const started = await startGateway({
    monolith: monolith.url,
    auth: { kind: 'secret', secret: SECRET, scheme: 'Token' },
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
  })
  const get = async (authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization }
    return (await (await fetch(`${started.url}/api/things`, { headers })).json()) as {
      side: string
    }
  }
  return { monolith, service, get, ...started }
}

it('shows a bad token, and no token, to nobody but the monolith, which refuses it itself', async () => {
  const { get, service, monolith } = await moved()
  const expired = `Token ${await sign('-1 minute')}`
  expect((await get(expired)).side).toBe('monolith')
  expect(monolith.seen[0]!.headers.authorization).toBe(expired)
  expect((await get()).side).toBe('monolith')
  expect((await get('Basic YTpi')).side).toBe('monolith')
  expect(service.seen).toHaveLength(0)
})

it('passes a good token on with the identity it stands for', async () => {
  const { get, service } = await moved()
  const good = `token ${await sign('1 minute')}`
  expect((await get(good)).side).toBe('service')
  expect((await get(good)).side).toBe('service')
  expect(service.seen[0]!.headers).toMatchObject({
    ...{ authorization: good, 'x-user-id': 'ann' },
    ...{ 'x-user-email': 'ann@example.org', 'x-user-roles': 'user,admin' },
  })
})

it('refuses two tokens', async () => {
  const { url } = await moved()
  const answer = await raw(
    url,
    'GET /api/things HTTP/1.1\r\nHost: a\r\nAuthorization: Token a\r\nauthorization: Token b\r\nConnection: close\r\n\r\n',
  )
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
})

it('reads the token after its scheme, whatever the scheme’s case', () => {
  expect(schemeToken('bearer abc', 'Bearer')).toBe('abc')
  for (const other of [undefined, '', 'Bearer', 'Bearer ', 'Bearerabc', 'Basic abc']) {
    expect(schemeToken(other, 'Bearer')).toBeUndefined()
  }
})
