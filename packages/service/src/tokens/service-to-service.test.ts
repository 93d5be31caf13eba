import { signIdentity } from '@banyan/contracts'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createClient, defineApi, defineService, routeOptions, startService } from '../index.ts'
import { newServiceKey, type ServiceKeyPair, SigningKey } from './service-key.ts'
import { ServiceTokens } from './service-tokens.ts'

const IDENTITY_KEY = 'the key of the gateway in this test'
let albums: ServiceKeyPair

beforeAll(async () => {
  albums = await newServiceKey('albums')
})

const Said = z.object({ caller: z.string().nullable(), user: z.string().nullable() })
const stock = defineApi({
  name: 'stock',
  prefix: '/v1/stock',
  routes: {
    mine: { method: 'GET', path: '/mine', callers: ['albums'], response: { 200: Said } },
  },
})
const inner = defineApi({
  name: 'stock',
  prefix: '/internal/v1/stock',
  routes: { count: { method: 'GET', path: '/', response: { 200: Said } } },
})

const tokens = () =>
  new ServiceTokens({
    name: 'albums',
    issuer: 'banyan',
    key: new SigningKey(JSON.stringify(albums.privateJwk)),
  })

async function startStock() {
  const service = defineService({
    name: 'stock',
    port: 0,
    title: 'Stock',
    routes: {
      [stock.prefix]: (app) =>
        void app.route({
          ...routeOptions(stock, 'mine'),
          handler: ({ caller, user }) => ({ caller, user: user.userId }),
        }),
      [inner.prefix]: (app) =>
        void app.route({
          ...routeOptions(inner, 'count'),
          handler: ({ caller }) => ({ caller, user: null }),
        }),
    },
  })
  const env = {
    LOG_LEVEL: 'silent',
    // While it changes: what either has signed is believed.
    BANYAN_IDENTITY_KEY: `the key that comes after it,${IDENTITY_KEY}`,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [albums.publicJwk] }),
  }
  const running = await startService(service, { env, writeLog: () => {} })
  onTestFinished(() => running.stop())
  return running.url
}

it('a service calls another on a user’s behalf, and both are known there', async () => {
  const baseUrl = await startStock()
  const client = createClient(stock, { baseUrl, tokens: tokens() })
  const unnamed = createClient(stock, { baseUrl })
  const within = createClient(inner, { baseUrl, tokens: tokens() })
  onTestFinished(async () => {
    await Promise.all([client.close(), unnamed.close(), within.close()])
  })
  const identity = signIdentity({ userId: 'ann', email: null, roles: [] }, IDENTITY_KEY)
  const context = { identity }
  expect(await client.mine({}, { context })).toEqual({ caller: 'albums', user: 'ann' })
  expect(await within.count()).toEqual({ caller: 'albums', user: null })
  // Neither does without the other, where the route wants both.
  await expect(client.mine()).rejects.toMatchObject({ answer: { code: 'UNAUTHENTICATED' } })
  await expect(unnamed.mine({}, { context })).rejects.toMatchObject({
    answer: { code: 'BAD_SERVICE_TOKEN' },
  })
  const bare = { 'x-user-id': 'ann', 'x-banyan-caller': 'albums' }
  const answers = ['/v1/stock/mine', '/internal/v1/stock'].map(async (path) => {
    return (await fetch(`${baseUrl}${path}`, { headers: bare })).status
  })
  expect(await Promise.all(answers)).toEqual([401, 401])
})
