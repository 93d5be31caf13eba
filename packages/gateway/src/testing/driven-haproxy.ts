import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RouteTable } from '@banyan/contracts'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createHaproxyGateway, type HaproxyGatewayOptions } from '../index.ts'
import { cleanUp, IDENTITY_KEY, listen, type TestUpstream, table, upstream } from '../testing.ts'

const TOKEN = 'admin-token-of-the-tests'

interface Driven {
  readonly monolith: TestUpstream
  readonly service: TestUpstream
  readonly folder: string
  readonly url: string
  readonly pids: number[]
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: never }>
  table(version: number, overrides?: Parameters<typeof table>[3]): RouteTable
  give(version: number, overrides?: Parameters<typeof table>[3], drainMs?: number): Promise<Ack>
  get(path: string, init?: RequestInit): Promise<Told>
  close(): Promise<void>
}
interface Ack {
  readonly status: number
  readonly drained?: boolean
  readonly inFlight?: number
  readonly code?: string
  readonly detail?: string
}
type Told = { readonly status: number; readonly side?: string; readonly code?: string } & Record<
  string,
  unknown
>

/** HAProxy and its driver before two upstreams, which the test's end stops. */
export async function start(
  options: Partial<HaproxyGatewayOptions> = {},
  sides: { monolith?: TestUpstream; service?: TestUpstream } = {},
): Promise<Driven> {
  const monolith = sides.monolith ?? (await upstream('monolith'))
  const service = sides.service ?? (await upstream('service'))
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'banyan-haproxy-')))
  const pids: number[] = []
  const gateway = createHaproxyGateway({
    id: 'test',
    listen: { port: 0 },
    admin: { port: 0, token: TOKEN },
    identityKey: IDENTITY_KEY,
    auth: { kind: 'header', name: 'x-subject' },
    logLevel: 'silent',
    monolith: monolith.url,
    targets: { things: service.url },
    onProcess: (pid) => pids.push(pid),
    ...options,
    folder,
    timeouts: { closeMs: 1_000, ...options.timeouts },
  })
  await gateway.listen()
  let open = true
  const close = async () => {
    if (open) await gateway.close()
    open = false
  }
  cleanUp(async () => {
    await close()
    await rm(folder, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${gateway.publicPort}`
  const admin: Driven['admin'] = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as never }
  }
  const made: Driven['table'] = (version, overrides) =>
    table(monolith.url, service.url, version, overrides)
  return {
    ...{ monolith, service, folder, url, pids, admin, close },
    table: made,
    give: async (version, overrides, drainMs = 0) => {
      const { status, body } = await admin(
        'PUT',
        `/table?drainMs=${drainMs}&extraction=things`,
        made(version, overrides),
      )
      return { status, ...(body as object) }
    },
    get: async (path, init = {}) => {
      const answer = await fetch(url + path, { headers: { 'x-subject': 'ann' }, ...init })
      const text = await answer.text()
      return { status: answer.status, ...(JSON.parse(text) as object) } as Told
    },
  }
}

/** An upstream whose answers a test lets go. */
export async function patient(name: string): Promise<{ side: TestUpstream; release: () => void }> {
  const waiting: (() => void)[] = []
  const side = await upstream(name, (_, response) => {
    waiting.push(() => response.end(JSON.stringify({ side: name })))
  })
  return {
    side,
    release: () => {
      for (const answer of waiting.splice(0)) answer()
    },
  }
}

/** What HAProxy answers on its runtime socket. */
export function ask(folder: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(folder, 'runtime.sock'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text.trim()))
    socket.write(`${command}\n`)
  })
}

/** Of the first request that an upstream has seen. */
export function correlationOf({ seen }: TestUpstream): string {
  return String(seen[0]!.headers['x-correlation-id'])
}

/** A control plane whose answers a test decides. */
export async function control() {
  const state = { table: null as RouteTable | null, down: false, leaseMs: 9_000, renewed: 0 }
  const server = createServer((request, response) => {
    request.resume()
    if (request.url!.endsWith('/renew')) state.renewed++
    if (state.down) response.statusCode = 500
    else response.write(JSON.stringify({ leaseMs: state.leaseMs, table: state.table }))
    response.end()
  })
  return { state, setting: { urls: [await listen(server)], token: 'control' } }
}

/** Who signs tokens, and shows its keys. */
export async function issuerOf(issuer: string) {
  const keys = new Map<string, CryptoKey>()
  const shown: object[] = []
  const add = async (kid: string) => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    keys.set(kid, privateKey)
    shown.push({ ...(await exportJWK(publicKey)), kid, use: 'sig' })
  }
  await add('one')
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: shown })))
  const url = `${await listen(server)}/jwks.json`
  return {
    setting: { kind: 'jwks' as const, url, issuer, audience: 'api' },
    add,
    token(kid: string, claims: Record<string, unknown>) {
      const exp = Math.floor(Date.now() / 1000) + 600
      const body = { sub: 'ann', iss: issuer, aud: 'api', exp, ...claims }
      return new SignJWT(JSON.parse(JSON.stringify(body)))
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(keys.get(kid)!)
    },
  }
}
