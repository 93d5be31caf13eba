import { defineEvent } from '@banyan/bus'
import { Unprocessable } from '@banyan/durable'
import { type RunningEngine, startEngine } from '@banyan/migration'
import { defineService } from '@banyan/service'
import { createLog } from '@banyan/service/http'
import { ask, eventually, type ServiceUnderTest, startForTest } from '@banyan/service/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { banyan } from './testing/banyan.ts'

const parcel = z.object({ parcel: z.string() })
const ParcelSent = defineEvent({ type: 'parcel.sent', version: 1, payload: parcel })

/** Refused for good until somebody opens the depot. */
const depot = { open: false, arrived: [] as string[] }

const parcels = defineService({
  name: 'parcels',
  port: 0,
  title: 'Parcels',
  database: { tables: {}, migrations: new URL('testing/migrations', import.meta.url) },
  events: [ParcelSent],
  routes: {
    '/v1/parcels': (app, { transaction }) => {
      const open = { config: { access: 'anybody' }, schema: { body: parcel } } as const
      app.post('/', open, async ({ body }) => {
        await transaction(({ publish }) => publish(ParcelSent.of(body), { key: body.parcel }))
        return {}
      })
    },
  },
  reactions: (hear) =>
    hear({
      name: 'arrive',
      events: [ParcelSent],
      async handler({ payload }) {
        if (!depot.open) throw new Unprocessable('the depot is closed')
        depot.arrived.push(payload.parcel)
      },
    }),
})

const TOKEN = 'a-control-token-of-this-test'
let service: ServiceUnderTest<object, Record<string, unknown>>
let engine: RunningEngine
beforeAll(async () => {
  service = await startForTest(parcels)
  const databaseUrl = service.server.url('service')
  const plan = {
    control: { databaseUrl: await service.server.createDatabase('control'), token: TOKEN },
    monolith: { url: service.url, databaseUrl },
    gateway: { port: 0, identityKey: 'an-identity-key-of-this-test', auth: { kind: 'none' } },
    extractions: [
      {
        name: 'parcels',
        service: { url: service.url, databaseUrl },
        routes: [{ methods: [], path: '/v1/parcels' }],
        tables: [{ source: 'parcels.item', target: 'parcels.item', owner: 'id' }],
      },
    ],
  } as const
  engine = await startEngine(plan, { log: createLog('engine', 'silent'), port: 0 })
})
afterAll(async () => {
  await engine?.close()
  await service?.stop()
})

/** A parcel for which the depot was closed. */
async function refused(name: string): Promise<void> {
  depot.open = false
  await ask(`${service.url}/v1/parcels`, { body: { parcel: name } })
  await eventually('it is given up', async () => {
    const { rowCount } = await service.context.pool.query('SELECT FROM parcels_durable.dead_letter')
    return rowCount === 1
  })
  depot.open = true
}

const arrived = (name: string) => eventually(`${name} arrives`, () => depot.arrived.includes(name))

it('what a service has given up is listed, redriven and handled by the control plane', async () => {
  await refused('a vase')
  const control = (path: string, body?: unknown) =>
    ask(`${engine.url}/v1/extractions/parcels/${path}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body }),
    })
  const { letters } = (await control('durable')).body as {
    letters: { id: string; schema: string }[]
  }
  expect(letters).toMatchObject([
    {
      schema: 'parcels_durable',
      kind: 'event',
      source: 'parcels.arrive',
      subject: 'parcel.sent',
      key: 'a vase',
      error: 'Unprocessable: the depot is closed',
    },
  ])
  const [{ id, schema }] = letters as [{ id: string; schema: string }]
  const wanted = { what: 'dead letter', schema, id, by: 'ada', why: 'the depot is open' }
  const after = await control('redrive', wanted)
  expect(after).toMatchObject({ status: 200, body: { letters: [] } })
  await arrived('a vase')
  const again = await control('redrive', wanted)
  expect(again.body).toMatchObject({ code: 'NO_SUCH_DEAD_LETTER' })
  const ledger = await control('ledger')
  expect(ledger.text).toContain('"why":"the depot is open"')
})

it('and by the command', async () => {
  await refused('a mirror')
  const folder = import.meta.dirname
  const database = ['--database', service.server.url('service')]
  const list = await banyan(['dlq', 'list', '--json', ...database], folder)
  const { letters } = JSON.parse(list) as { letters: { id: string; key: string }[] }
  expect(letters.map(({ key }) => key)).toEqual(['a mirror'])
  const said = await banyan(['dlq', 'redrive', letters[0]!.id, ...database], folder)
  expect(said).toBe(`${letters[0]!.id}: event of parcels.arrive redriven\n`)
  await arrived('a mirror')
  expect(await banyan(['dlq', 'list', ...database], folder)).toContain('No dead letters')
})
