import { defineApi } from '@banyan/service'
import { z } from 'zod'

const Id = z.object({ id: z.uuid() })
const Exists = z.object({ exists: z.boolean() })
/** As many as one MOC may link. */
const Ids = z.object({ ids: z.array(z.uuid()).max(100) })
const Existing = z.object({
  /** Those of the given that are there, hidden ones too; in no order. */
  existing: z.array(z.uuid()),
})

/** Services that link images and albums. */
const callers = ['moc']

/** What the Gallery Service answers services: with their token, and for no user. */
export const galleryApi = defineApi({
  name: 'gallery',
  prefix: '/v1',
  routes: {
    imageExists: {
      method: 'GET',
      path: '/images/:id/exists',
      summary: 'Whether there is such an image',
      params: Id,
      response: { 200: Exists },
      callers,
    },
    existingImages: {
      method: 'POST',
      path: '/images/exists',
      summary: 'Which of these images there are',
      body: Ids,
      response: { 200: Existing },
      callers,
      idempotent: true,
    },
    albumExists: {
      method: 'GET',
      path: '/albums/:id/exists',
      summary: 'Whether there is such an album',
      params: Id,
      response: { 200: Exists },
      callers,
    },
    existingAlbums: {
      method: 'POST',
      path: '/albums/exists',
      summary: 'Which of these albums there are',
      body: Ids,
      response: { 200: Existing },
      callers,
      idempotent: true,
    },
  },
})
