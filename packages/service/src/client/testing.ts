import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { bytes, defineApi, listOf } from './api.ts'
import { type ClientOptions, createClient } from './client.ts'

const Image = z.object({ id: z.string(), title: z.string(), takenAt: z.iso.date().optional() })

/** An API of a service that there is not, with a route of each kind. */
export const images = defineApi({
  name: 'images',
  prefix: '/v1/images',
  routes: {
    getImage: {
      method: 'GET',
      path: '/:id',
      params: z.object({ id: z.string() }),
      response: { 200: Image },
    },
    listImages: {
      method: 'GET',
      path: '/',
      query: z.object({
        limit: z.coerce.number<number>().optional(),
        tag: listOf(z.string()).optional(),
      }),
      response: { 200: z.array(Image) },
    },
    addImage: {
      method: 'POST',
      path: '/',
      body: z.object({ title: z.string() }),
      response: { 201: Image, 200: Image },
    },
    removeImage: {
      method: 'DELETE',
      path: '/:id',
      params: z.object({ id: z.string() }),
      response: { 204: z.null() },
    },
    countImages: {
      method: 'POST',
      path: '/count',
      idempotent: true,
      callers: ['albums'],
      response: { 200: z.object({ count: z.number() }) },
    },
    getFile: {
      method: 'GET',
      path: '/:id/file',
      params: z.object({ id: z.string() }),
      response: { 200: bytes },
    },
  },
})

export const PICTURE = { id: 'a', title: 'A tree' }

/** A server whose answer a test chooses, and may change; with what it was asked. */
export async function imageServer(answer: RequestListener) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
  const state = { answer }
  const server: Server = createServer((request, response) => {
    seen.push({ method: request.method!, url: request.url!, headers: request.headers })
    state.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { baseUrl, seen, state, server }
}

/** Answers JSON. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}) {
  const listener: RequestListener = (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
  return listener
}

/** A client that does not wait long between tries; closed after the test. */
export function imageClient(baseUrl: string, options: Partial<ClientOptions> = {}) {
  const client = createClient(images, {
    baseUrl,
    ...options,
    retry: { delaysMs: [1, 2, 4], ...options.retry },
  })
  onTestFinished(() => client.close())
  return client
}
