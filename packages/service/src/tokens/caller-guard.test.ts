import { SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import fastify, { type FastifyRequest } from 'fastify'
import { beforeAll, describe, expect, it } from 'vitest'
import { guardCallers } from './caller-guard.ts'
import { keySetFrom, newServiceKey, type ServiceKeyPair, SigningKey } from './service-key.ts'
import { ServiceTokenVerifier } from './service-token-verifier.ts'
import { ServiceTokens } from './service-tokens.ts'

const keys: Record<string, ServiceKeyPair> = {}

beforeAll(async () => {
  for (const name of ['albums', 'wishes']) keys[name] = await newServiceKey(name)
})

const tokenOf = (name: string, audience = 'stock') =>
  new ServiceTokens({
    name,
    issuer: 'shop.example',
    key: new SigningKey(JSON.stringify(keys[name]!.privateJwk)),
  }).for(audience)

function stock() {
  const app = fastify()
  const set = JSON.stringify({ keys: Object.values(keys).map((pair) => pair.publicJwk) })
  guardCallers(app, {
    tokens: new ServiceTokenVerifier({
      audience: 'stock',
      issuer: 'shop.example',
      keys: keySetFrom(set),
    }),
  })
  const answer = ({ caller }: FastifyRequest) => ({ caller })
  app.get('/v1/items', answer)
  app.get('/v1/prices', { config: { callers: ['albums'] } }, answer)
  app.get('/v1/closed', { config: { callers: [] } }, answer)
  app.get('/internal/counts', answer)
  app.get('/internal/counts/:id', { config: { callers: ['wishes'] } }, answer)
  app.get('/internally-known', answer)
  return app
}

describe('a guarded route', () => {
  it.each([
    ['/v1/items', null, 200, { caller: null }],
    ['/v1/items', 'albums', 200, { caller: 'albums' }],
    ['/internally-known', null, 200, { caller: null }],
    ['/v1/prices', 'albums', 200, { caller: 'albums' }],
    ['/v1/prices', null, 401, { code: 'BAD_SERVICE_TOKEN' }],
    ['/v1/prices', 'wishes', 403, { code: 'CALLER_NOT_ALLOWED' }],
    ['/v1/closed', 'albums', 403, { code: 'CALLER_NOT_ALLOWED' }],
    ['/internal/counts', null, 401, { code: 'BAD_SERVICE_TOKEN' }],
    ['/%69nternal/counts', null, 401, { code: 'BAD_SERVICE_TOKEN' }],
    ['/internal/counts', 'wishes', 200, { caller: 'wishes' }],
    ['/internal/counts/1', 'albums', 403, { code: 'CALLER_NOT_ALLOWED' }],
  ])('%s called by %s answers %i', async (url, caller, status, body) => {
    const headers = caller ? { [SERVICE_TOKEN_HEADER]: await tokenOf(caller) } : {}
    const answer = await stock().inject({ url, headers })
    expect([answer.statusCode, answer.json()]).toMatchObject([status, body])
  })

  it('checks a token that it did not ask for', async () => {
    for (const token of ['forged', await tokenOf('albums', 'billing'), ['a', 'b']]) {
      const headers = { [SERVICE_TOKEN_HEADER]: token }
      expect((await stock().inject({ url: '/v1/items', headers })).statusCode).toBe(401)
    }
  })

  it('believes no bare header that names a caller or a user', async () => {
    const headers = {
      'x-caller': 'albums',
      'x-service-name': 'albums',
      'x-forwarded-client-cert': 'Subject="CN=albums"',
      'x-user-id': 'ann',
      authorization: `Bearer ${await tokenOf('albums')}`,
    }
    for (const url of ['/v1/prices', '/internal/counts']) {
      expect((await stock().inject({ url, headers })).statusCode).toBe(401)
    }
  })
})
