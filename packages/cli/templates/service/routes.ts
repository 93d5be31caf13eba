import { type App, defineCursor, routeOptions, type ServiceContext } from '@banyan/service'
import { z } from 'zod'
import { add, change, getOwn, listOwn, remove, summarize } from './back-room.ts'
import { backRoomApi } from './client.ts'
import type * as tables from './schema.ts'

const After = defineCursor(z.tuple([z.iso.datetime(), z.uuid()]))

/** What `client.ts` describes; each user sees and changes what is their own. */
export function backRoomRoutes(app: App, context: ServiceContext<object, typeof tables>): void {
  app.route({
    ...routeOptions(backRoomApi, 'list'),
    handler: async (request, reply) => {
      const { limit, cursor } = request.query
      const after = After.read(cursor)
      const rows = await listOwn(context.db, request.user.userId, { after, limit: limit + 1 })
      return After.page(request, reply, {
        rows,
        limit,
        at: ({ createdAt, id }) => [createdAt, id],
      })
    },
  })
  app.route({
    ...routeOptions(backRoomApi, 'add'),
    handler: (request, reply) =>
      context.answerOnce(request, reply, 201, (tx) => add(tx, request.user.userId, request.body)),
  })
  app.route({
    ...routeOptions(backRoomApi, 'summarize'),
    handler: (request) => summarize(context.db, request.user.userId),
  })
  app.route({
    ...routeOptions(backRoomApi, 'get'),
    handler: (request) => getOwn(context.db, request.user.userId, request.params.id),
  })
  app.route({
    ...routeOptions(backRoomApi, 'change'),
    handler: (request) =>
      context.transaction(({ db }) =>
        change(db, request.user.userId, request.params.id, request.body),
      ),
  })
  app.route({
    ...routeOptions(backRoomApi, 'remove'),
    handler: async (request, reply) => {
      await context.transaction(({ db }) => remove(db, request.user.userId, request.params.id))
      return reply.status(204).send(null)
    },
  })
}
