import { type App, defineCursor, routeOptions } from '@banyan/service'
import { z } from 'zod'
import { inventoryApi as api } from './client.ts'
import {
  acquire,
  addItem,
  type Context,
  changeItem,
  deleteItem,
  getItem,
  listItems,
  progressOf,
} from './items.ts'
import { addPurchase, listPurchases, setCost } from './purchases.ts'

const After = defineCursor(z.tuple([z.string().max(40), z.uuid()]))

/** Everything under /v1/inventory; each user's own. */
export function inventoryRoutes(app: App, context: Context): void {
  const { db, transaction, answerOnce } = context

  app.route({
    ...routeOptions(api, 'listItems'),
    async handler(request, reply) {
      const { query, user } = request
      const rows = await listItems(db, user.userId, query, After.read(query.cursor))
      const { limit } = query
      return After.page(request, reply, { rows, limit, at: ({ at, id }) => [at, id] })
    },
  })
  app.route({
    ...routeOptions(api, 'addItem'),
    handler: (request, reply) =>
      answerOnce(request, reply, 201, (tx) => addItem(tx, request.user.userId, request.body)),
  })
  app.route({
    ...routeOptions(api, 'getItem'),
    handler: ({ user, params }) => getItem(db, user.userId, params.itemId),
  })
  app.route({
    ...routeOptions(api, 'changeItem'),
    handler: ({ user, params, body }) =>
      transaction((tx) => changeItem(tx, user.userId, params.itemId, body)),
  })
  app.route({
    ...routeOptions(api, 'deleteItem'),
    async handler({ user, params }, reply) {
      await transaction((tx) => deleteItem(tx, user.userId, params.itemId))
      return reply.status(204).send(null)
    },
  })
  app.route({
    ...routeOptions(api, 'acquire'),
    handler: (request, reply) =>
      answerOnce(request, reply, 200, (tx) =>
        acquire(tx, request.user.userId, request.params.itemId, request.body.count),
      ),
  })
  app.route({
    ...routeOptions(api, 'listPurchases'),
    handler: async ({ user, params }) => ({
      purchases: await listPurchases(context, user.userId, params.itemId),
    }),
  })
  app.route({
    ...routeOptions(api, 'addPurchase'),
    handler: (request, reply) =>
      answerOnce(request, reply, 201, (tx) =>
        addPurchase(tx, request.user.userId, request.params.itemId, request.body),
      ),
  })
  app.route({
    ...routeOptions(api, 'setCost'),
    handler: ({ user, params, body }) =>
      transaction((tx) => setCost(tx, user.userId, params, body.cost)),
  })
  app.route({
    ...routeOptions(api, 'getProgress'),
    handler: ({ user, params }) => progressOf(db, user.userId, params),
  })
}
