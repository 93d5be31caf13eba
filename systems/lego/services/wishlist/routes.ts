import type { App, ServiceContext } from '@banyan/service'
import { z } from 'zod'
import { readBodiesAsMonolith } from '../../monolith-shape.ts'
import {
  WishlistItemCreated,
  WishlistItemDeleted,
  WishlistItemUpdated,
  WishlistReordered,
} from './events.ts'
import {
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
    {
      schema: {
        summary: "One's own wishlist, in its order",
        querystring: ListQuery,
        response: { 200: ItemPage },
      },
    },
    ({ user, query }) => listItems(context.db, user.userId, query),
  )
  app.post(
    '/',
    { schema: { summary: 'Adds an item, as the last', body: NewItem, response: { 201: Item } } },
    (request, reply) =>
      context.answerOnce(request, reply, 201, async ({ db, publish }) => {
        const ownerId = request.user.userId
        const item = await createItem(db, ownerId, request.body)
        await publish(WishlistItemCreated.of({ ownerId, item }), { key: ownerId })
        return item
      }),
  )

  app.post(
    '/reorder',
    {
      schema: {
        summary: 'Puts all items in this order at once',
        body: NewOrder,
        response: { 200: Reordered },
      },
    },
    ({ user: { userId: ownerId }, body }) =>
      context.transaction(async ({ db, publish }) => {
        const reordered = await reorder(db, ownerId, body.itemIds)
        const itemCount = reordered.items.length
        await publish(WishlistReordered.of({ ownerId, itemCount }), { key: ownerId })
        return reordered
      }),
  )
  app.post(
    '/reorder/debounced',
    {
      schema: {
        summary: 'Puts all items in this order half a second after the last such request',
        body: NewOrder,
        response: { 202: ReorderStatus },
      },
    },
    async ({ user, body }, reply) => {
      const status = await context.transaction(({ db }) =>
        reorderLater(db, user.userId, body.itemIds),
      )
      return reply.status(202).send(status)
    },
  )
  app.get(
    '/reorder/status',
    { schema: { summary: 'Whether an order still waits', response: { 200: ReorderStatus } } },
    ({ user }) => reorderStatus(context.db, user.userId),
  )

  app.get(
    '/:id',
    { schema: { summary: "An item of one's own", params: ItemId, response: { 200: Item } } },
    ({ user, params }) => getItem(context.db, user.userId, params.id),
  )
  app.patch(
    '/:id',
    {
      schema: {
        summary: "Changes an item of one's own",
        params: ItemId,
        body: ItemChange,
        response: { 200: Item },
      },
    },
    ({ user: { userId: ownerId }, params, body }) =>
      context.transaction(async ({ db, publish }) => {
        const item = await changeItem(db, ownerId, params.id, body)
        await publish(WishlistItemUpdated.of({ ownerId, item }), { key: ownerId })
        return item
      }),
  )
  app.delete(
    '/:id',
    {
      schema: {
        summary: "Deletes an item of one's own",
        params: ItemId,
        response: { 204: z.null() },
      },
    },
    async ({ user: { userId: ownerId }, params: { id: itemId } }, reply) => {
      await context.transaction(async ({ db, publish }) => {
        await deleteItem(db, ownerId, itemId)
        await publish(WishlistItemDeleted.of({ ownerId, itemId }), { key: ownerId })
      })
      return reply.status(204).send(null)
    },
  )
}
