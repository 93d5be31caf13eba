import { defineEvent } from '@banyan/bus'
import { defineSaga } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { z } from 'zod'

const parcel = z.object({ parcel: z.string() })
const ParcelSent = defineEvent({ type: 'parcel.sent', version: 1, payload: parcel })
const anybody = { config: { access: 'anybody' }, schema: { body: parcel } } as const

/** Where parcels are sent to: each by an event, or by a saga. */
export const BY_EVENT = '/v1/parcels'
export const BY_SAGA = '/v1/trips'

/** A service that sends parcels, and writes into its table `arrival` which of them came. */
export function parcels(name: string) {
  const arrival = `${name}.arrival`
  const trip = defineSaga({
    name: 'trip',
    version: 1,
    input: parcel,
    steps: (steps) =>
      steps
        .step('load', {
          transact: async () => ({}),
          compensationRetry: { attempts: 3, firstMs: 100, maxMs: 100 },
          compensate: async ({ input }, tx) => {
            await tx.query(`DELETE FROM ${arrival} WHERE parcel = $1`, [input.parcel])
          },
        })
        .step('arrive', {
          transact: async ({ input }, tx) => {
            await tx.query(`INSERT INTO ${arrival} VALUES ($1)`, [input.parcel])
            return {}
          },
        }),
  })
  return defineService({
    name,
    port: 0,
    title: name,
    database: { tables: {}, migrations: new URL('migrations', import.meta.url) },
    events: [ParcelSent],
    routes: {
      [BY_EVENT]: (app, { transaction }) => {
        app.post('/', anybody, async ({ body }) => {
          await transaction(({ publish }) => publish(ParcelSent.of(body), { key: body.parcel }))
          return {}
        })
      },
      [BY_SAGA]: (app, { transaction }) => {
        app.post('/', anybody, async ({ body }) => {
          await transaction(({ startSaga }) => startSaga(trip, body))
          return {}
        })
      },
    },
    reactions: (hear) =>
      hear({
        name: 'arrive',
        events: [ParcelSent],
        async handler({ payload }, { client }) {
          await client.query(`INSERT INTO ${arrival} VALUES ($1)`, [payload.parcel])
        },
      }),
    sagas: () => [trip],
  })
}
