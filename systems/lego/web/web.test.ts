import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWeb } from './server.ts'
import { readSettings } from './settings.ts'

/** Answers what it was asked. */
function echo(): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.setHeader('x-correlation-id', headers['x-correlation-id'] ?? 'none')
    response.end(JSON.stringify({ method, url, headers, bytes: Buffer.concat(chunks).length }))
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve({ server, url: `http://127.0.0.1:${port}` })
    })
  })
}

describe('the process of the web page', () => {
  let gateway: Awaited<ReturnType<typeof echo>>
  let auth: Awaited<ReturnType<typeof echo>>
  let web: FastifyInstance
  let url: string
  beforeAll(async () => {
    gateway = await echo()
    auth = await echo()
    web = await createWeb(readSettings({ GATEWAY_URL: gateway.url, AUTH_URL: auth.url }))
    url = await web.listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(async () => {
    await web.close()
    gateway.server.close()
    auth.server.close()
  })

  it('answers the page at every address, with a policy that lets nothing else run', async () => {
    for (const path of ['/', '/mocs/123', '/wishlist?x=1']) {
      const answer = await fetch(url + path)
      expect(answer.headers.get('content-type')).toContain('text/html')
      const policy = answer.headers.get('content-security-policy')!
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).not.toContain('unsafe')
      // No script but those that have an address.
      expect(await answer.text()).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=/i)
    }
  })

  it('names its script and styles by what is in them, so that they may be kept', async () => {
    const html = await (await fetch(url)).text()
    const paths = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!)
    expect(paths.map((path) => path.split('.').at(-1)).sort()).toEqual(['css', 'js'])
    for (const path of paths) {
      const ask = (coding: string) => fetch(url + path, { headers: { 'accept-encoding': coding } })
      const [plain, small] = [await ask('identity'), await ask('gzip, br')]
      expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect([plain, small].map(({ headers }) => headers.get('content-encoding'))).toEqual([
        null,
        'gzip',
      ])
      expect(await small.text()).toBe(await plain.text())
    }
    expect((await fetch(`${url}/assets/page-old.js`)).status).toBe(404)
  })

  it('passes what the page asks on to the gateway, as it is', async () => {
    const answer = await fetch(`${url}/api/mocs/with-files?a=%20b`, {
      method: 'POST',
      headers: { authorization: 'Bearer t', 'x-correlation-id': 'c-1', 'content-type': 'a/b' },
      body: new Uint8Array(3_000_000),
    })
    expect(answer.headers.get('x-correlation-id')).toBe('c-1')
    expect(await answer.json()).toMatchObject({
      ...{ method: 'POST', url: '/api/mocs/with-files?a=%20b', bytes: 3_000_000 },
      headers: {
        ...{ authorization: 'Bearer t', 'x-correlation-id': 'c-1', 'content-type': 'a/b' },
        'x-forwarded-for': '127.0.0.1',
      },
    })
  })

  it('passes a request without a body on without one', async () => {
    const answer = await fetch(`${url}/api/mocs/with-files`, { method: 'POST' })
    expect(await answer.json()).toMatchObject({ method: 'POST', bytes: 0 })
  })

  it('lets people sign in and up at the Auth Service, and nothing else', async () => {
    for (const path of ['sign-in', 'users']) {
      const answer = await fetch(`${url}/auth/${path}`, { method: 'POST', body: '{}' })
      expect(await answer.json()).toMatchObject({ url: `/${path}`, bytes: 2 })
    }
    for (const path of ['keys/rotate', 'sign-in/../keys/rotate', 'users%2f..%2fkeys%2frotate']) {
      const answer = await fetch(`${url}/auth/${path}`, { method: 'POST' })
      expect([path, answer.status]).toEqual([path, 404])
    }
    expect((await fetch(`${url}/auth/users`)).status).toBe(404)
  })

  it('says so as the gateway would where the gateway is away', async () => {
    const alone = await createWeb(readSettings({ GATEWAY_URL: 'http://127.0.0.1:1' }))
    const answer = await alone.inject('/api/mocs')
    expect(answer.json()).toMatchObject({ status: 502, code: 'UPSTREAM_UNREACHABLE' })
    await alone.close()
  })

  it('names a setting that is wrong', () => {
    expect(() => readSettings({ GATEWAY_URL: 'ftp://x' })).toThrow(
      /web: settings are not valid: GATEWAY_URL/,
    )
  })
})
