import { defineApi, pageOf, pageQuery } from '@banyan/service'
import { z } from 'zod'

const Title = z.string().trim().min(1).max(200)
const Id = z.object({ id: z.uuid().toLowerCase() })

export const StoredThing = z.object({
  id: z.uuid(),
  title: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})
export const NewStoredThing = z.strictObject({ title: Title })
export const StoredThingChange = z
  .strictObject({ title: Title.optional() })
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export const Summary = z.object({ added: z.int() })

/** How the Back Room Service is called; others import this file and `createClient(backRoomApi, …)`. */
export const backRoomApi = defineApi({
  name: 'back-room',
  prefix: '/v1/stored-things',
  routes: {
    list: {
      method: 'GET',
      path: '/',
      summary: 'The user’s stored things, oldest first, page by page',
      query: pageQuery(),
      response: { 200: pageOf(StoredThing) },
    },
    add: {
      method: 'POST',
      path: '/',
      summary: 'Adds; with an Idempotency-Key once, however often it is sent',
      body: NewStoredThing,
      response: { 201: StoredThing },
    },
    summarize: {
      method: 'GET',
      path: '/summary',
      summary: 'How many the user has added, ever',
      response: { 200: Summary },
    },
    get: {
      method: 'GET',
      path: '/:id',
      params: Id,
      response: { 200: StoredThing },
    },
    change: {
      method: 'PATCH',
      path: '/:id',
      params: Id,
      body: StoredThingChange,
      response: { 200: StoredThing },
    },
    remove: {
      method: 'DELETE',
      path: '/:id',
      params: Id,
      response: { 204: z.null() },
    },
  },
})
