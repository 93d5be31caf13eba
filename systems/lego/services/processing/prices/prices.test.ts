import {
  createClient,
  newServiceKey,
  ServiceTokens,
  SigningKey,
  startService,
} from '@banyan/service'
import { ask, asUser, eventually, IDENTITY_KEY, startForTest } from '@banyan/service/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Running, startProcess } from '../../../testing/processes.ts'
import { importCatalogue } from '../catalogue/import.ts'
import { processingApi, processingForServices } from '../client.ts'
import type { ProcessingConfig } from '../jobs/store.ts'
import type { LotFound } from '../messages.ts'
import type * as tables from '../schema.ts'
import definition from '../service.ts'
import { readAmount, writeAmount } from './amount.ts'
import { BrickLink, type BrickLinkOptions } from './bricklink.ts'
import { itemOf } from './items.ts'
import { BrickLinkVariables } from './settings.ts'
import { tally } from './tally.ts'

const KEYS = {
  consumerKey: 'stand-in-consumer',
  consumerSecret: 'stand-in-consumer-secret',
  token: 'stand-in-token',
  tokenSecret: 'stand-in-token-secret',
}
const VARIABLES = {
  BRICKLINK_CONSUMER_KEY: KEYS.consumerKey,
  BRICKLINK_CONSUMER_SECRET: KEYS.consumerSecret,
  BRICKLINK_TOKEN: KEYS.token,
  BRICKLINK_TOKEN_SECRET: KEYS.tokenSecret,
}
const NEW = { condition: 'N', currency: 'EUR' } as const
const BRICK = { type: 'PART', no: '3001', colourId: 5 }
const never = new AbortController().signal

let standIn: Running
beforeAll(async () => {
  standIn = await startProcess('stand-ins/bricklink/main.ts', {})
})
afterAll(() => standIn.end())
beforeEach(() => habits({}))

async function habits(body: object) {
  expect((await ask(`${standIn.url}/habits`, { method: 'PUT', body })).status).toBe(200)
}
async function seen() {
  const { body } = await ask(`${standIn.url}/seen`)
  return body as { calls: number; asked: string[]; mostAtOnce: number }
}

describe('the client of BrickLink', () => {
  const clientOf = (options: Partial<BrickLinkOptions> = {}) =>
    new BrickLink({
      url: standIn.url,
      keys: KEYS,
      callsAtOnce: 5,
      mayCall: async () => true,
      pausesMs: [1, 1, 1],
      ...options,
    })

  it('reads a price exactly, and counts what is offered however that is spelt', async () => {
    await habits({ prices: { '3001 5': { average: '123456789.0123', offers: [7, 2, 1] } } })
    const price = await clientOf().price(BRICK, NEW, never)
    expect(price).toEqual({ known: true, average: 1_234_567_890_123n, offered: 10 })
    expect((await seen()).asked).toEqual(['PART 3001 5 N'])
  })

  it('signs numbers with signs in them, too', async () => {
    const odd = { ...BRICK, no: "973pb1234c01*(a)'! ü/+" }
    expect(await clientOf().price(odd, NEW, never)).toMatchObject({ known: true, offered: 60 })
  })

  it('tells an item nobody offers from one that is unknown', async () => {
    await habits({ prices: { '3001 5': { average: '0.0000', offers: [] } } })
    const client = clientOf()
    expect(await client.price(BRICK, NEW, never)).toMatchObject({ known: true, average: null })
    const unknown = await client.price({ ...BRICK, no: 'unknown1' }, NEW, never)
    expect(unknown).toMatchObject({ known: false, average: null })
  })

  it('has five calls under way at most, and no burst is refused', async () => {
    const outcomes = new Set<string>()
    const client = clientOf({ onAttempt: (outcome) => outcomes.add(outcome) })
    const items = Array.from({ length: 30 }, (_, n) => ({ ...BRICK, no: `${n}` }))
    await Promise.all(items.map((item) => client.price(item, NEW, never)))
    expect(outcomes).toEqual(new Set(['ok']))
    expect(await seen()).toMatchObject({ calls: 30, mostAtOnce: 5 })
  })

  it('tries again where a page in HTML is answered, and signs each attempt anew', async () => {
    await habits({ sick: 3 })
    let calls = 0
    const mayCall = async () => ++calls > 0
    expect(await clientOf({ mayCall }).price(BRICK, NEW, never)).toMatchObject({ known: true })
    expect(calls).toBe(4)
    await habits({ sick: 100 })
    await expect(clientOf().price(BRICK, NEW, never)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'BrickLink answers 503, and no JSON of its API',
    })
  })

  it('asks no more once most calls failed', async () => {
    await habits({ sick: 1_000 })
    let calls = 0
    const mayCall = async () => ++calls > 0
    const client = clientOf({ mayCall, circuit: { leastCalls: 5 } })
    for (let n = 0; n < 4; n++) await client.price(BRICK, NEW, never).catch(() => {})
    expect(client.circuit).toBe('open')
    expect(calls).toBe(5)
  })

  it('says that keys are refused, and of which the signature is wrong', async () => {
    const asking = (keys: object) =>
      clientOf({ keys: { ...KEYS, ...keys } }).price(BRICK, NEW, never)
    await expect(asking({ tokenSecret: 'another' })).rejects.toMatchObject({
      code: 'KEYS_REFUSED',
      message: 'BrickLink answers 401 BAD_OAUTH_REQUEST: SIGNATURE_INVALID',
    })
    await expect(asking({ token: 'another' })).rejects.toThrow('TOKEN_REJECTED')
  })

  it('says that the calls of the day are spent, whoever counts them', async () => {
    const none = clientOf({ mayCall: async () => false }).price(BRICK, NEW, never)
    await expect(none).rejects.toMatchObject({ code: 'BUDGET_SPENT' })
    expect((await seen()).calls).toBe(0)
    await habits({ callsPerDay: 0 })
    const refused = clientOf().price(BRICK, NEW, never)
    await expect(refused).rejects.toMatchObject({ code: 'BUDGET_SPENT' })
  })
})

describe('estimates', () => {
  let service: Awaited<ReturnType<typeof startForTest<ProcessingConfig, typeof tables>>>
  let moc: Awaited<ReturnType<typeof newServiceKey>>
  const settings = () => ({
    ...VARIABLES,
    BRICKLINK_URL: standIn.url,
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [moc.publicJwk] }),
  })
  beforeAll(async () => {
    moc = await newServiceKey('moc')
    service = await startForTest(definition, settings())
    const path = (name: string) => new URL(`../fixtures/${name}`, import.meta.url).pathname
    await importCatalogue(service.context.pool, {
      dumps: path('catalogue'),
      colours: [path('colours.json')],
      partIds: [path('part-ids.json')],
    })
  })
  afterAll(() => service.stop())

  async function readList(list: string): Promise<string> {
    const body = { content: Buffer.from(list).toString('base64') }
    const api = service.client(processingApi)
    const { jobId } = await api.processFile({ body }, asUser('ada'))
    await eventually('it is read', async () => {
      return (await api.getJob({ params: { jobId } }, asUser('ada'))).state === 'completed'
    })
    return jobId
  }
  const estimate = (jobId: string, query: object = NEW) =>
    service.client(processingApi).getEstimate({ params: { jobId }, query }, asUser('ada'))
  const ended = (jobId: string, state = 'completed') =>
    eventually(`the estimate is ${state}`, async () => {
      const now = await estimate(jobId)
      return now.state === state && now
    })
  const forget = () =>
    service.context.pool.query('TRUNCATE processing.prices, processing.price_calls')

  it('adds up what is priced, and says why the rest is not', async () => {
    await habits({
      prices: {
        '3001 5': { average: '0.1001', offers: [1_000] },
        '3020 11': { average: '0.0333', offers: [2] },
        '3003 5': { average: '0.0000', offers: [] },
      },
    })
    const jobId = await readList(
      'Part,Color,Quantity,Is Spare\n3001,4,3,False\n3020,0,3,False\n3003,4,1,False\n3001,9999,1,False\nnone,4,1,False\n3001,4,1,True\n',
    )
    const first = await estimate(jobId)
    expect(first).toMatchObject({ jobId, total: '0.0000', unpriced: { NOT_ASKED_YET: 6 } })
    const done = await ended(jobId)
    expect(done).toMatchObject({
      condition: 'N',
      currency: 'EUR',
      total: '0.4002',
      lots: 6,
      pricedLots: 2,
      unpriced: { NOT_OFFERED: 1, NO_COLOUR: 1, UNRESOLVED: 1, SPARE: 1 },
      shortLots: 1,
      stopped: null,
    })
    expect((await seen()).asked.sort()).toEqual([
      'PART 3001 5 N',
      'PART 3003 5 N',
      'PART 3020 11 N',
    ])
    const { rows } = await service.context.pool.query<{ oldest: Date }>(
      'SELECT min(fetched_at) AS oldest FROM processing.prices WHERE average IS NOT NULL',
    )
    expect(done.oldestPriceAt).toBe(rows[0]!.oldest.toISOString())
  })

  it('asks nobody twice for a price, and again for one that is old', async () => {
    const LIST = 'Part,Color,Quantity\n3001,4,3\n3020,4,1\n'
    await ended(await readList(LIST))
    const { calls } = await seen()
    await ended(await readList(LIST))
    expect((await seen()).calls).toBe(calls)
    await service.context.pool.query(
      `UPDATE processing.prices SET fetched_at = fetched_at - interval '8 days' WHERE item_no = '3020'`,
    )
    await ended(await readList(LIST))
    expect((await seen()).calls).toBe(calls + 1)
  })

  it('waits for the next day when the calls are spent, and ends it then', async () => {
    await forget()
    await service.context.pool.query(
      `INSERT INTO processing.price_calls
       VALUES ((now() AT TIME ZONE 'UTC')::date, 4498), ((now() AT TIME ZONE 'UTC')::date + 1, 4498)`,
    )
    const jobId = await readList('Part,Color,Quantity\n3001,4,1\n3003,4,1\n3020,4,1\n6141,4,1\n')
    const now = await ended(jobId, 'waiting')
    expect(now).toMatchObject({ pricedLots: 2, unpriced: { NOT_ASKED_YET: 2 } })
    expect(now.stopped?.code).toBe('BUDGET_SPENT')
    expect(new Date(now.stopped!.until).getUTCDate()).not.toBe(new Date().getUTCDate())
    // The night is not waited for.
    await service.context.pool.query('TRUNCATE processing.price_calls')
    await service.context.pool.query(
      `UPDATE processing.estimates SET leased_until = '-infinity' WHERE state = 'waiting'`,
    )
    expect(await ended(jobId)).toMatchObject({ pricedLots: 4, unpriced: {} })
    expect((await seen()).calls).toBe(4)
  })

  it('is shown to the owner of a job alone, and begun once its list is read', async () => {
    const jobId = await readList('Part,Color,Quantity\n3001,4,1\n')
    const asking = (user: string, query = '') =>
      ask(`${service.url}/v1/jobs/${jobId}/estimate${query}`, { user })
    expect((await asking('eve')).status).toBe(404)
    expect((await asking('ada', '?currency=euro')).status).toBe(400)
    for (const currency of ['EUR', 'USD', 'GBP', 'CHF']) {
      expect((await asking('ada', `?currency=${currency}`)).status).toBe(200)
    }
    expect(await asking('ada', '?currency=DKK')).toMatchObject({
      status: 429,
      body: { code: 'TOO_MANY_ESTIMATES' },
    })
    await eventually('all are made', async () => {
      const { rows } = await service.context.pool.query(
        `SELECT FROM processing.estimates WHERE state <> 'completed'`,
      )
      return rows.length === 0
    })
    await service.context.pool.query(`UPDATE processing.jobs SET state = 'failed' WHERE id = $1`, [
      jobId,
    ])
    expect(await asking('ada')).toMatchObject({
      status: 409,
      body: { code: 'NOTHING_TO_ESTIMATE' },
    })
  })

  it('answers services for any user, and users on the terms they name', async () => {
    const jobId = await readList('Part,Color,Quantity\n3001,4,1\n')
    const key = new SigningKey(JSON.stringify(moc.privateJwk))
    const tokens = new ServiceTokens({ name: 'moc', issuer: 'banyan', key })
    const client = createClient(processingForServices, { baseUrl: service.url, tokens })
    const query = { condition: 'U', currency: 'GBP' } as const
    const done = await eventually('it is made', async () => {
      const now = await client.getEstimate({ params: { jobId }, query })
      return now.state === 'completed' && now
    })
    await client.close()
    expect(done).toMatchObject({ ...query, pricedLots: 1 })
    expect((await seen()).asked).toContain('PART 3001 5 U')
  })

  it('goes on when its process is started again, without a catalogue', async () => {
    const env = {
      ...settings(),
      PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: await service.server.createDatabase('other'),
      BUS_URL: await service.server.createDatabase('other_bus'),
    }
    const start = () => startService(definition, { env })
    let other = await start()
    const item =
      '<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>3001</ITEMID><COLOR>5</COLOR><MINQTY>2</MINQTY></ITEM>'
    const content = Buffer.from(`<INVENTORY>${item}</INVENTORY>`).toString('base64')
    const begun = await ask(`${other.url}/v1/process-file`, { user: 'ada', body: { content } })
    const { jobId } = begun.body as { jobId: string }
    const look = async () => {
      const { body } = await ask(`${other.url}/v1/jobs/${jobId}/estimate`, { user: 'ada' })
      return body as { state?: string }
    }
    // An answer that does not come before the process ends.
    await habits({ answerMs: 600_000 })
    await eventually('BrickLink is asked', async () => {
      await look()
      return (await seen()).mostAtOnce === 1
    })
    await other.stop()
    await habits({ prices: { '3001 5': { average: '0.1250', offers: [9] } } })
    other = await start()
    const done = await eventually('it is made', async () => {
      const now = await look()
      return now.state === 'completed' && now
    })
    expect(done).toMatchObject({ total: '0.2500', currency: 'USD', pricedLots: 1, unpriced: {} })
    await other.stop()
  })
})

it('keys are needed all together, or there are no prices', () => {
  expect(BrickLinkVariables.parse({})).toEqual({ BRICKLINK: null })
  expect(BrickLinkVariables.parse(VARIABLES).BRICKLINK).toMatchObject({ keys: KEYS })
  const { BRICKLINK_TOKEN: _, ...missing } = VARIABLES
  expect(BrickLinkVariables.safeParse(missing).error?.issues).toMatchObject([
    { path: ['BRICKLINK_TOKEN'], message: expect.stringContaining('needed together') },
  ])
})

it('amounts are read and written exactly, and nothing else is an amount', () => {
  for (const text of ['0.0000', '0.0001', '12.3400', '999999999999.9999']) {
    expect(writeAmount(readAmount(text))).toBe(text)
  }
  for (const text of ['1', '1.5', '-1.0000', '1.00001', '1e4', '', '1,0000']) {
    expect(() => readAmount(text)).toThrow()
  }
})

describe('a lot', () => {
  const NONE = { parts: new Map<string, string>(), colours: new Map<number, number>() }
  const lot = (given: Partial<LotFound>): LotFound => ({
    line: 1,
    type: 'part',
    ids: {},
    element: null,
    colour: null,
    quantity: 1,
    spare: false,
    name: null,
    remarks: null,
    part: null,
    partColour: null,
    match: null,
    ambiguousColour: false,
    unresolved: null,
    suggestions: [],
    ...given,
  })

  it("is asked about in BrickLink's own numbers where the file has them, without a catalogue", () => {
    const own = lot({ ids: { bricklink: '3001' }, colour: { system: 'bricklink', id: 5 } })
    expect(itemOf(own, NONE)).toEqual(BRICK)
    const figure = lot({ type: 'minifig', ids: { bricklink: 'sw0001' } })
    expect(itemOf(figure, NONE)).toEqual({ type: 'MINIFIG', no: 'sw0001', colourId: 0 })
    expect(itemOf(lot({ ids: { ldraw: '3001' } }), NONE)).toBe('UNRESOLVED')
  })

  it('costs exactly what a sum of decimals is, however many there are', () => {
    const many = lot({ ids: { bricklink: '3001' }, colour: { system: 'bricklink', id: 5 } })
    const price = { known: true, average: 1n, offered: 1_000_000, fetchedAt: new Date(0) }
    const lots = [...Array.from({ length: 3 }, () => many), { ...many, quantity: 999_999_997 }]
    expect(tally(lots, NONE, new Map([['PART 5 3001', price]]))).toMatchObject({
      total: '100000.0000',
      pricedLots: 4,
      shortLots: 1,
      oldestPriceAt: '1970-01-01T00:00:00.000Z',
    })
  })
})
