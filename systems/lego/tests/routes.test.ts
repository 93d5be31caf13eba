import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BUCKETS, type RouteRule } from '@banyan/contracts'
import { createGateway, type Gateway, settingsOf } from '@banyan/gateway'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gallery } from '../extractions/gallery.ts'
import { inventory } from '../extractions/inventory.ts'
import { moc } from '../extractions/moc.ts'
import { processing } from '../extractions/processing.ts'
import { profile } from '../extractions/profile.ts'
import { search } from '../extractions/search.ts'
import { wishlist } from '../extractions/wishlist.ts'
import { TURN_MS } from '../services/moc/upload.ts'

const MOVED = { moc, gallery, wishlist, profile, search, processing, inventory }
const MONOLITH = 'monolith'
const OPTIONS = {
  id: 'routes-of-lego',
  listen: { port: 0 },
  admin: { port: 0, token: 'admin-token-of-this-test' },
  identityKey: 'identity key of this test',
  auth: { kind: 'header', name: 'x-user' },
} as const

const servers: Server[] = []
let gateway: Gateway

/** Answers with its name and the path that it was asked for. */
async function upstream(name: string): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify([name, request.url]))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  const monolith = await upstream(MONOLITH)
  const moved = async ([name, { routes }]: [string, { routes: readonly RouteRule[] }]) => ({
    ...{ extraction: name, target: await upstream(name), routes },
    ...{ targetBuckets: 'f'.repeat(BUCKETS / 4), hold: null, shadow: null },
  })
  gateway = createGateway({
    ...OPTIONS,
    monolith,
    table: {
      ...{ token: 1, version: 1, monolith },
      extractions: await Promise.all(Object.entries(MOVED).map(moved)),
    },
    logLevel: 'silent',
  })
  await gateway.listen()
})
afterAll(async () => {
  await gateway?.close()
  for (const server of servers) server.close()
})

async function ask(path: string, method = 'GET'): Promise<[string, string] | number> {
  const url = `http://127.0.0.1:${gateway.publicPort}${path}`
  const answer = await fetch(url, { method, headers: { 'x-user': 'ada' } })
  return answer.status === 200 ? ((await answer.json()) as [string, string]) : answer.status
}

it.each([
  ['mocs', 'moc', ['', '/7', '/7/parts-lists', '/7/files/8', '?q=a']],
  ['gallery', 'gallery', ['', '/7', '/albums', '/albums/8', '/flags', '/7/flags']],
  ['wishlist', 'wishlist', ['', '/7', '/reorder', '/reorder/debounced', '/reorder/status']],
  ['users', 'profile', ['/me', '/7', '/7/public']],
  ['search', 'search', ['?q=a&type=moc', '/suggestions?q=a']],
  ['inventory', 'inventory', ['', '/7', '/7/purchases']],
])('/api/%s and what is below it goes to %s', async (at, service, paths) => {
  for (const path of paths) {
    expect(await ask(`/api/${at}${path}`)).toEqual([service, `/v1/${at}${path}`])
  }
})

it('what no service has goes to the monolith, also where a path only begins as one of theirs', async () => {
  for (const path of ['/health', '/api/mocs-of-the-day', '/api/usersx', '/api/parts-lists']) {
    expect(await ask(path)).toEqual([MONOLITH, path])
  }
  const parse = '/api/parts-lists/parse'
  expect(await ask(parse, 'POST')).toEqual(['processing', '/v1/parts-lists/parse'])
  expect(await ask(parse)).toEqual([MONOLITH, parse])
})

it('what services answer each other cannot be asked for through the gateway', async () => {
  for (const path of [
    '/internal/v1/links/check',
    '/api/internal/v1/links/check',
    '/api/mocs/%2e%2e/%2e%2e/internal/v1/links/check',
    '/api/mocs/..%2f..%2finternal/v1/links/check',
    '/api/mocs//..;/../internal/v1/links/check',
    '/api/search/%2e%2e%2f%2e%2e%2finternal/v1/search/backfill',
  ]) {
    const answer = await ask(path)
    // A path that could be read in two ways is refused; what no service has is the monolith's.
    if (typeof answer !== 'number' && answer[0] !== MONOLITH) {
      expect(answer[1]).toMatch(/^\/v1\//)
      expect(new URL(answer[1], 'http://a').pathname).toMatch(/^\/v1\//)
    } else if (typeof answer === 'number') expect(answer).toBe(400)
  }
})

it('a form that waited as long as it may is answered before a gateway gives it up', () => {
  const { timeouts } = settingsOf({ ...OPTIONS, monolith: 'http://127.0.0.1:1' })
  expect(TURN_MS).toBeLessThan(timeouts.uploadMs)
})
