import type { App, ServiceContext } from '@banyan/service'
import { z } from 'zod'
import { readBodiesAsMonolith } from '../../monolith-shape.ts'
import {
  failures,
  Item,
  ItemChange,
  ItemId,
  ItemPage,
  ListQuery,
  NewItem,
  NewOrder,
  Reordered,
  ReorderStatus,
} from './messages.ts'
import { reorder, reorderLater, reorderStatus } from './reorder.ts'
import type * as tables from './schema.ts'
import { changeItem, createItem, deleteItem, getItem, listItems } from './wishlist.ts'

/** Everything under /v1/wishlist; each user sees and changes what is their own. */
export function wishlistRoutes(app: App, context: ServiceContext<object, typeof tables>): void {
  readBodiesAsMonolith(app)

  app.get(
    '/',
    { schema: { querystring: ListQuery, response: { 200: ItemPage, ...failures } } },
    ({ user, query }) => listItems(context.db, user.userId, query),
  )
  app.post(
    '/',
    { schema: { body: NewItem, response: { 201: Item, ...failures } } },
    async ({ user, body }, reply) => {
      const item = await context.transaction(({ db }) => createItem(db, user.userId, body))
      return reply.status(201).send(item)
    },
  )

  app.post(
    '/reorder',
    { schema: { body: NewOrder, response: { 200: Reordered, ...failures } } },
    ({ user, body }) => context.transaction(({ db }) => reorder(db, user.userId, body.itemIds)),
  )
  app.post(
    '/reorder/debounced',
    { schema: { body: NewOrder, response: { 202: ReorderStatus, ...failures } } },
    async ({ user, body }, reply) => {
      const status = await context.transaction(({ db }) =>
        reorderLater(db, user.userId, body.itemIds),
      )
      return reply.status(202).send(status)
    },
  )
  app.get(
    '/reorder/status',
    { schema: { response: { 200: ReorderStatus, ...failures } } },
    ({ user }) => reorderStatus(context.db, user.userId),
  )

  app.get(
    '/:id',
    { schema: { params: ItemId, response: { 200: Item, ...failures } } },
    ({ user, params }) => getItem(context.db, user.userId, params.id),
  )
  app.patch(
    '/:id',
    { schema: { params: ItemId, body: ItemChange, response: { 200: Item, ...failures } } },
    ({ user, params, body }) =>
      context.transaction(({ db }) => changeItem(db, user.userId, params.id, body)),
  )
  app.delete(
    '/:id',
    { schema: { params: ItemId, response: { 204: z.null(), ...failures } } },
    async ({ user, params }, reply) => {
      await context.transaction(({ db }) => deleteItem(db, user.userId, params.id))
      return reply.status(204).send(null)
    },
  )
}
