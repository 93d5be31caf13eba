import { type App, defineApi, defineService, routeOptions } from '@banyan/service'
import { z } from 'zod'

const anybody = { config: { access: 'anybody' } } as const
const getItem = {
  method: 'GET',
  path: '/:id',
  params: z.object({ id: z.string() }),
  response: { 200: z.object({ amount: z.int() }) },
} as const

/** Where every shelf answers. */
export const ITEM = '/v1/items/lamp'

/** A service that reads a row of its table `item`. Of each fault there is one, by whose name its alerts are known. */
export function shelf(name: string) {
  return defineService({
    name,
    port: 0,
    title: name,
    database: { tables: {}, migrations: new URL('migrations', import.meta.url) },
    routes: {
      '/v1/items': (app: App, { pool }) => {
        app.get('/:id', { ...anybody, schema: getItem }, async ({ params }) => {
          const { rows } = await pool.query<{ amount: number }>(
            `SELECT amount FROM ${name}.item WHERE id = $1`,
            [params.id],
          )
          return rows[0]!
        })
      },
    },
  })
}

const calledApi = defineApi({ name: 'called', prefix: '/v1/items', routes: { getItem } })

/** Keeps nothing. */
export const called = defineService({
  name: 'called',
  port: 0,
  title: 'Called',
  routes: {
    [calledApi.prefix]: (app: App) => {
      app.route({
        ...routeOptions(calledApi, 'getItem'),
        ...anybody,
        handler: () => ({ amount: 1 }),
      })
    },
  },
})

/** Has of `called` what it answers. */
export const calling = defineService({
  name: 'calling',
  port: 0,
  title: 'Calling',
  dependencies: { called: calledApi },
  routes: {
    '/v1/items': (app: App, { clients }) => {
      app.get('/:id', { ...anybody, schema: getItem }, ({ params }) =>
        clients.called.getItem({ params }),
      )
    },
  },
})
