import { type App, noSuch, routeOptions } from '@banyan/service'
import { z } from 'zod'
import { storageApi } from './client.ts'
import { erase } from './erase.ts'
import { getStored, listStored, shown, usageOf } from './files.ts'
import { type Context, partsOf } from './parts.ts'
import { contentOf, readToTheEnd } from './request-content.ts'
import { keyOf } from './stored-bytes.ts'
import { upload } from './upload.ts'

/** Everything under /internal/v1: for services, by their token. */
export async function internalRoutes(app: App, context: Context): Promise<void> {
  const parts = await partsOf(context)
  const { store } = parts

  readToTheEnd(app)
  // A stream, not a buffer: a hundred uploads at once are not a hundred files in memory.
  app.addContentTypeParser('application/octet-stream', (_request, content, done) =>
    done(null, content),
  )
  const { schema, ...uploading } = routeOptions(storageApi, 'upload')
  const { body: _, ...described } = schema
  app.route({
    ...uploading,
    schema: { ...described, consumes: ['application/octet-stream'] },
    handler: async ({ query, headers, body }, reply) => {
      const length = headers['content-length']
      const declared = length === undefined ? null : Number(length)
      const row = await upload(context, parts, query, contentOf(body), declared)
      return reply.status(201).send(shown(row))
    },
  })

  app.route({
    ...routeOptions(storageApi, 'signedUrl'),
    handler: async ({ query: { fileId, variant, expiresInS, download } }) => {
      const row = await getStored(context.db, fileId)
      if (variant !== 'original' && !row.variants.some(({ name }) => name === variant)) {
        throw noSuch('variant')
      }
      const url = await store.signedUrl(keyOf(row, variant), {
        ...{ expiresInS, method: 'GET' as const },
        ...(download ? { fileName: row.fileName } : {}),
      })
      return { url, expiresAt: new Date(Date.now() + expiresInS * 1000).toISOString() }
    },
  })

  app.route({
    ...routeOptions(storageApi, 'getFile'),
    handler: async ({ params }) => shown(await getStored(context.db, params.id)),
  })

  app.route({
    ...routeOptions(storageApi, 'listFiles'),
    handler: async ({ query: { prefix, after, limit } }) => {
      const rows = await listStored(context.db, prefix, after, limit)
      return { files: rows.map(shown) }
    },
  })

  const { schema: downloaded, ...downloading } = routeOptions(storageApi, 'download')
  app.route({
    ...downloading,
    schema: { params: downloaded.params, querystring: downloaded.querystring },
    handler: async ({ params, query: { variant } }, reply) => {
      const row = await getStored(context.db, params.id)
      const { info, stream } = await store.get(keyOf(row, variant))
      return reply.type(info.contentType).header('content-length', info.size).send(stream)
    },
  })

  app.route({
    ...routeOptions(storageApi, 'deleteFile'),
    handler: async ({ params }, reply) => {
      await erase(context, store, [params.id])
      return reply.status(204).send(null)
    },
  })
  app.route({
    ...routeOptions(storageApi, 'deleteFiles'),
    handler: async ({ body }) => ({
      deleted: await erase(context, store, body.fileIds),
    }),
  })

  app.route({
    ...routeOptions(storageApi, 'usage'),
    handler: ({ params }) => usageOf(context.db, params.ownerId, context.config.QUOTA_BYTES),
  })
}

/** Signed URLs of a folder; a bucket answers its own. */
export async function objectRoutes(app: App, context: Context): Promise<void> {
  const { answerSigned } = (await partsOf(context)).store
  if (!answerSigned) return
  const schema = { params: z.object({ '*': z.string() }), querystring: z.looseObject({}) }
  app.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    // Whoever has the URL: its signature is what is asked for.
    config: { access: 'anybody' },
    schema,
    handler: async ({ method, params, query, headers }, reply) => {
      const { range } = headers
      const asked = { method, key: params['*'], query, range }
      const { status, headers: told, body } = await answerSigned(asked)
      return reply.status(status).headers(told).send(body)
    },
  })
}
