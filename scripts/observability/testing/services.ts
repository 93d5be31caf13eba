import { defineEvent } from '@banyan/bus'
import { defineSaga } from '@banyan/durable'
import { type App, defineApi, defineService, routeOptions } from '@banyan/service'
import { z } from 'zod'

/** Two services of a shop: an order asks the other, is published, and begins a saga. */

const database = { tables: {}, migrations: new URL('migrations', import.meta.url) }
const anybody = { config: { access: 'anybody' } } as const

const stockApi = defineApi({
  name: 'stock',
  prefix: '/v1/items',
  routes: {
    getItem: {
      method: 'GET',
      path: '/:id',
      params: z.object({ id: z.string() }),
      response: { 200: z.object({ left: z.int() }) },
    },
  },
})

export const stock = defineService({
  name: 'stock',
  port: 0,
  title: 'Stock Service',
  database,
  routes: {
    [stockApi.prefix]: (app: App) => {
      app.route({
        ...routeOptions(stockApi, 'getItem'),
        ...anybody,
        handler: () => ({ left: 1 }),
      })
    },
  },
})

const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  payload: z.object({ orderId: z.uuid() }),
})

const delivery = defineSaga({
  name: 'delivery',
  version: 1,
  input: z.object({ orderId: z.uuid() }),
  steps: (steps) =>
    steps
      .step('load', { invoke: async () => ({}), compensate: async () => {} })
      .step('drive', { invoke: async () => ({}) }),
})

export const orders = defineService({
  name: 'orders',
  port: 0,
  title: 'Order Service',
  database,
  // Of what is slow on a busy machine, the trace is wanted all the same.
  dependencies: { stock: { api: stockApi, timeoutMs: 60_000 } },
  events: [OrderPlaced],
  routes: {
    '/v1/orders': (app, { transaction, clients }) => {
      app.post('/', anybody, async () => {
        await clients.stock.getItem({ params: { id: 'lamp' } })
        const orderId = crypto.randomUUID()
        await transaction(async ({ publish, startSaga }) => {
          await publish(OrderPlaced.of({ orderId }), { key: orderId })
          await startSaga(delivery, { orderId })
        })
        return {}
      })
    },
  },
  reactions: (hear) => hear({ name: 'bill', events: [OrderPlaced], async handler() {} }),
  sagas: () => [delivery],
})
