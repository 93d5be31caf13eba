import { defineService } from '@banyan/service'
import { z } from 'zod'
import { stockApi } from './stock.ts'

export const shop = defineService({
  name: 'shop',
  port: 9702,
  title: 'Shop Service',
  dependencies: { stock: stockApi },
  routes: {
    '/v1/offers': (app, { clients }) => {
      const schema = { params: z.object({ id: z.string() }) }
      app.get('/:id', { schema }, async ({ params }) => {
        const { left, askedFor } = await clients.stock.getItem({ params })
        return { offered: left > 0, askedFor }
      })
    },
  },
})
