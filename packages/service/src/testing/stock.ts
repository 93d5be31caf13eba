import { defineApi, defineService, noSuch, routeOptions } from '@banyan/service'
import { z } from 'zod'

/** What the stock service offers; its callers import this (`client.ts`). */
export const stockApi = defineApi({
  name: 'stock',
  prefix: '/v1/items',
  routes: {
    getItem: {
      method: 'GET',
      path: '/:id',
      params: z.object({ id: z.string() }),
      response: { 200: z.object({ id: z.string(), left: z.int(), askedFor: z.string() }) },
      callers: ['shop'],
    },
  },
})

const left = new Map([['lamp', 3]])

export const stock = defineService({
  name: 'stock',
  port: 9701,
  title: 'Stock Service',
  routes: {
    [stockApi.prefix]: (app) => {
      app.route({
        ...routeOptions(stockApi, 'getItem'),
        handler: ({ params: { id }, user, caller }) => {
          if (!left.has(id)) throw noSuch('item')
          return { id, left: left.get(id)!, askedFor: `${user.userId} by ${caller}` }
        },
      })
    },
  },
})
