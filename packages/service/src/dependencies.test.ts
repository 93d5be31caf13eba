import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { IDENTITY_HEADERS, SERVICE_TOKEN_HEADER, signIdentity } from '@banyan/contracts'
import { type Authority, authority, install } from '@banyan/contracts/testing'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { defineService, startService } from './index.ts'
import { startCollector } from './testing/collector.ts'
import { ask, eventually, IDENTITY_KEY } from './testing/requests.ts'
import { shop } from './testing/shop.ts'
import { shopRelies, stockKeeps } from './testing/shop-contract.ts'
import { stock, stockApi } from './testing/stock.ts'
import { newServiceKey, type ServiceKeyPair, SigningKey } from './tokens/service-key.ts'
import { ServiceTokens } from './tokens/service-tokens.ts'

let key: ServiceKeyPair
let folder: string
let known: Authority
beforeAll(async () => {
  key = await newServiceKey('shop')
  folder = await mkdtemp(join(tmpdir(), 'two-services-'))
  known = await authority('known')
})
afterAll(() => rm(folder, { recursive: true }))

type Env = Record<string, string>

const common = (env: Env = {}): Env => ({
  PORT: '0',
  LOG_LEVEL: 'silent',
  BANYAN_IDENTITY_KEY: IDENTITY_KEY,
  ...env,
})

async function startStock(env: Env = {}) {
  const keys = { BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [key.publicJwk] }) }
  const running = await startService(stock, { env: common({ ...keys, ...env }) })
  onTestFinished(() => running.stop())
  return running
}

async function startShop(env: Env) {
  const own = { BANYAN_SIGNING_KEY: JSON.stringify(key.privateJwk) }
  const running = await startService(shop, { env: common({ ...own, ...env }) })
  onTestFinished(() => running.stop())
  return running
}

const identity = () => signIdentity({ userId: 'eve', email: null, roles: [] }, IDENTITY_KEY)
const tokens = () =>
  new ServiceTokens({
    name: 'shop',
    issuer: 'banyan',
    key: new SigningKey(JSON.stringify(key.privateJwk)),
  })

const metricsOf = async (url: string) => (await ask(`${url}/metrics`)).text

describe('a service that calls another', () => {
  it('says who calls, for whom, and in which trace', async () => {
    const collector = await startCollector()
    const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
    const called = await startStock(traced)
    const calling = await startShop({ STOCK_URL: called.url, ...traced })
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
    const offer = (id: string) =>
      ask(`${calling.url}/v1/offers/${id}`, { user: 'ada', headers: { ...headers } })
    expect(await offer('lamp')).toMatchObject({
      status: 200,
      body: { offered: true, askedFor: 'ada by shop' },
    })
    expect(await offer('tree')).toMatchObject({ status: 502, body: { code: 'UPSTREAM_REFUSED' } })
    const text = await metricsOf(calling.url)
    const counted = (line: string) => expect(text).toContain(`${line},service="shop"}`)
    counted('upstream_calls_total{upstream="stock",route="getItem",outcome="ok"')
    counted('upstream_calls_total{upstream="stock",route="getItem",outcome="UPSTREAM_REFUSED"')
    counted('upstream_circuit_state{upstream="stock",state="closed"')
    counted('upstream_calls_in_flight{upstream="stock",state="waiting"')
    expect(text).toMatch(/upstream_call_duration_seconds_count\{[^}]*\} 2/)
    await Promise.all([calling.stop(), called.stop()])
    await collector.close()

    const spans = collector.spans.filter((span) => span.traceId === traceId)
    const call = spans.find(({ name }) => name === 'stock.getItem')!
    const asked = spans.find(({ spanId }) => spanId === call.parentSpanId)!
    const answered = spans.find(({ parentSpanId }) => parentSpanId === call.spanId)!
    expect(call.kind).toBe(3)
    expect([asked.name, answered.name]).toEqual(['GET /v1/offers/:id', 'GET /v1/items/:id'])
    expect(spans.filter(({ name }) => name === 'stock.getItem')[1]!.status.code).toBe(2)
  })

  it('stays ready when that is gone, and shows whether it still asks', async () => {
    const called = await startStock()
    const calling = await startShop({ STOCK_URL: called.url })
    const ready = () => ask(`${calling.url}/health/ready`)
    const check = { name: 'stock', required: false }
    expect(await ready()).toMatchObject({
      status: 200,
      body: { checks: [{ ...check, ok: true, circuit: 'closed' }] },
    })
    await called.stop()
    await eventually('the circuit is open', async () => {
      const { body } = await ask(`${calling.url}/v1/offers/lamp`, { user: 'ada' })
      return (body as { code: string }).code === 'CIRCUIT_OPEN'
    })
    expect(await ready()).toMatchObject({
      status: 200,
      body: { status: 'ready', checks: [{ ...check, ok: false, circuit: 'open' }] },
    })
    const text = await metricsOf(calling.url)
    expect(text).toMatch(/upstream_circuit_state\{upstream="stock",state="open",[^}]*\} 1/)
    expect(text).toMatch(/upstream_circuit_opened_total\{[^}]*\} 1/)
    expect(text).toMatch(/upstream_call_retries_total\{[^}]*\} [1-9]/)
  })

  it('runs without one that is optional, and has no client of it then', async () => {
    const frugal = defineService({
      name: 'frugal',
      port: 0,
      title: 'Frugal Service',
      dependencies: { stock: { api: stockApi, optional: true } },
      routes: {},
    })
    const { context, stop } = await startService(frugal, { env: common() })
    expect(context.clients.stock).toBe(null)
    await stop()
    const env = common({ STOCK_URL: 'http://127.0.0.1:1' })
    await expect(startService(frugal, { env })).rejects.toThrow('BANYAN_SIGNING_KEY')
  })

  it('is not ready without one that it requires', async () => {
    const needy = defineService({
      name: 'needy',
      port: 0,
      title: 'Needy Service',
      dependencies: { stock: { api: stockApi, required: true } },
      routes: {},
    })
    const env = common({
      STOCK_URL: 'http://127.0.0.1:1',
      BANYAN_SIGNING_KEY: JSON.stringify(key.privateJwk),
    })
    const running = await startService(needy, { env })
    onTestFinished(() => running.stop())
    expect((await ask(`${running.url}/health/ready`)).status).toBe(503)
  })
})

it('what one relies on is kept by the other', async () => {
  const pacts = pathToFileURL(`${folder}/`)
  await shopRelies(pacts)
  const called = await startStock()
  const token = await tokens().for('stock')
  await stockKeeps(pacts, called.url, () => ({
    [IDENTITY_HEADERS.signed]: identity(),
    [SERVICE_TOKEN_HEADER]: token,
  }))
})

describe('two services with certificates', () => {
  /** Asks for an item as the shop, whatever the certificate. */
  async function askStock(url: string, tls: object) {
    const dispatcher = new Agent({ connect: { servername: 'stock', ...tls } })
    onTestFinished(() => dispatcher.close())
    const headers = {
      [IDENTITY_HEADERS.signed]: identity(),
      [SERVICE_TOKEN_HEADER]: await tokens().for('stock'),
    }
    const { statusCode, body } = await request(url, { dispatcher, headers })
    await body.dump()
    return statusCode
  }

  it('call each other over TLS that names both', async () => {
    const called = await startStock((await install(folder, known, 'stock')).settings)
    expect(called.url).toMatch(/^https:/)
    const own = await install(folder, known, 'shop')
    const { settings } = own
    const calling = await startShop({ STOCK_URL: called.url, ...settings })
    const dispatcher = new Agent({
      connect: {
        servername: 'shop',
        ca: own.TLS_CA_FILE,
        cert: own.TLS_CERT_FILE,
        key: own.TLS_KEY_FILE,
      },
    })
    onTestFinished(() => dispatcher.close())
    const offer = await request(`${calling.url}/v1/offers/lamp`, {
      dispatcher,
      headers: { [IDENTITY_HEADERS.signed]: identity() },
    })
    expect(await offer.body.json()).toEqual({ offered: true, askedFor: 'eve by shop' })
    const ready = await request(`${calling.url}/health/ready`, { dispatcher })
    expect(await ready.body.json()).toMatchObject({ checks: [{ name: 'stock', ok: true }] })

    const item = `${called.url}/v1/items/lamp`
    const ca = own.TLS_CA_FILE
    const other = await install(folder, known, 'other')
    const asOther = { ca, cert: other.TLS_CERT_FILE, key: other.TLS_KEY_FILE }
    expect(await askStock(item, asOther)).toBe(401)
    await expect(askStock(item, { ca })).rejects.toThrow()
  })

  it('take probes without a certificate where that is optional, and no token without', async () => {
    const { settings, TLS_CA_FILE: ca } = await install(folder, known, 'stock')
    const called = await startStock({ ...settings, TLS_CLIENT_AUTH: 'optional' })
    const dispatcher = new Agent({ connect: { servername: 'stock', ca } })
    onTestFinished(() => dispatcher.close())
    const { statusCode } = await request(`${called.url}/health/ready`, { dispatcher })
    expect(statusCode).toBe(200)
    expect(await askStock(`${called.url}/v1/items/lamp`, { ca })).toBe(401)
  })
})

describe('settings of calls', () => {
  const messageOf = (starting: Promise<unknown>) =>
    starting.then(
      () => 'started',
      (error: Error) => error.message,
    )

  it('are asked for by name', async () => {
    const STOCK_URL = 'http://stock:9701/v1'
    const message = await messageOf(startService(shop, { env: common({ STOCK_URL }) }))
    expect(message).toMatch(/^shop: 2 settings are not valid:/)
    expect(message).toContain('STOCK_URL: must not have a path')
    expect(message).toContain('BANYAN_SIGNING_KEY is not set: it calls services that ask for')
    const bad = common({ STOCK_URL: 'http://stock:9701', BANYAN_SIGNING_KEY: '{"d":"s3cret"}' })
    const said = await messageOf(startService(shop, { env: bad }))
    expect(said).toMatch(/BANYAN_SIGNING_KEY: .*private JSON Web Key/)
    expect(said).not.toContain('s3cret')
  })

  it('name the keys where a route asks for a service token and none could be believed', async () => {
    expect(await messageOf(startService(stock, { env: common() }))).toMatch(
      /^stock: .*\n {2}BANYAN_SERVICE_KEYS is not set: .*\/v1\/items\/:id asks for a service token/,
    )
    const definition = { name: 'inner', port: 0, title: 'Inner' }
    const inner = defineService({ ...definition, routes: { '/internal/v1/things': () => {} } })
    expect(await messageOf(startService(inner, { env: common() }))).toContain(
      'BANYAN_SERVICE_KEYS is not set: it has routes below /internal',
    )
  })

  it('of certificates are needed together, and must fit each other', async () => {
    const { settings } = await install(folder, known, 'stock')
    const { TLS_KEY_FILE, ...rest } = settings
    const env = common({ STOCK_URL: 'http://stock:9701', BANYAN_SIGNING_KEY: '{}', ...rest })
    expect(await messageOf(startService(shop, { env }))).toContain(
      'TLS_KEY_FILE is not set: TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE are needed together',
    )
    const foreign = join(folder, 'foreign.pem')
    await writeFile(foreign, (await install(folder, known, 'other')).TLS_KEY_FILE)
    const unfit = startService(shop, { env: { ...env, TLS_KEY_FILE: foreign } })
    expect(await messageOf(unfit)).toContain('do not fit')
    expect(TLS_KEY_FILE).not.toBe(foreign)
  })

  it('are refused for a dependency whose setting is another', () => {
    const right = { name: 'a', port: 1, title: 'A', routes: {} }
    for (const name of ['database', 'Stock', 'sto-ck']) {
      expect(() => defineService({ ...right, dependencies: { [name]: stockApi } })).toThrow(
        `must not be called "${name}"`,
      )
    }
  })
})
