import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { requireIdentity } from '../../kit/identity.ts'
import type { Database } from './database.ts'
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
import { changeItem, createItem, deleteItem, getItem, listItems } from './wishlist.ts'

/** Everything under /v1/wishlist. Believes the gateway's signed identity alone. */
export function wishlistRoutes(db: Database, identityKey: string): FastifyPluginAsyncZod {
  return async (app) => {
    const owner = requireIdentity(app, identityKey)

    app.get(
      '/',
      { schema: { querystring: ListQuery, response: { 200: ItemPage, ...failures } } },
      (request) => listItems(db, owner(request), request.query),
    )
    app.post(
      '/',
      { schema: { body: NewItem, response: { 201: Item, ...failures } } },
      async (request, reply) =>
        reply.status(201).send(await createItem(db, owner(request), request.body)),
    )

    app.post(
      '/reorder',
      { schema: { body: NewOrder, response: { 200: Reordered, ...failures } } },
      (request) => reorder(db, owner(request), request.body.itemIds),
    )
    app.post(
      '/reorder/debounced',
      { schema: { body: NewOrder, response: { 202: ReorderStatus, ...failures } } },
      async (request, reply) =>
        reply.status(202).send(await reorderLater(db, owner(request), request.body.itemIds)),
    )
    app.get(
      '/reorder/status',
      { schema: { response: { 200: ReorderStatus, ...failures } } },
      (request) => reorderStatus(db, owner(request)),
    )

    app.get(
      '/:id',
      { schema: { params: ItemId, response: { 200: Item, ...failures } } },
      (request) => getItem(db, owner(request), request.params.id),
    )
    app.patch(
      '/:id',
      { schema: { params: ItemId, body: ItemChange, response: { 200: Item, ...failures } } },
      (request) => changeItem(db, owner(request), request.params.id, request.body),
    )
    app.delete(
      '/:id',
      { schema: { params: ItemId, response: { 204: z.null(), ...failures } } },
      async (request, reply) => {
        await deleteItem(db, owner(request), request.params.id)
        return reply.status(204).send(null)
      },
    )
  }
}
