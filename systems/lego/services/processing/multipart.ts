import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { type App, defineErrors, ServiceError } from '@banyan/service'

import { Busboy, type BusboyFileStream } from '@fastify/busboy'
import { MAX_INLINE_BYTES } from './messages.ts'

const fail = defineErrors('processing', {
  BAD_FORM: { status: 400, title: 'No form', detail: 'The form cannot be read: {reason}' },
  FORM_FILE_TOO_LARGE: {
    status: 413,
    title: 'The file is too large',
    detail:
      'A file sent with the request has at most {most} bytes; store a larger one, and give its fileUrl',
  },
})

/** Reads multipart/form-data as the same body that JSON has: the part `file` becomes `content`. */
export function readForms(app: App): void {
  app.addContentTypeParser(
    'multipart/form-data',
    async (_request: unknown, payload: IncomingMessage) => readForm(payload),
  )
}

async function readForm(payload: IncomingMessage): Promise<object> {
  const body: Record<string, unknown> = {}
  const form = formOf(payload)
  form.on('file', (_name: string, file: BusboyFileStream, fileName: string) => {
    const chunks: Buffer[] = []
    file.on('data', (chunk: Buffer) => chunks.push(chunk))
    file.on('limit', () => form.destroy(fail('FORM_FILE_TOO_LARGE', { most: MAX_INLINE_BYTES })))
    file.on('end', () => {
      body.content = Buffer.concat(chunks).toString('base64')
      if (fileName) body.fileName ??= fileName.slice(0, 200)
    })
  })
  form.on('field', (name: string, value: string) => {
    body[name] = value
  })
  try {
    await pipeline(payload, form)
    if (typeof body.columns === 'string') body.columns = JSON.parse(body.columns)
  } catch (error) {
    if (error instanceof ServiceError) throw error
    throw fail('BAD_FORM', { reason: (error as Error).message })
  }
  return body
}

/** @throws ServiceError BAD_FORM where the header says no boundary */
function formOf({ headers }: IncomingMessage) {
  const limits = { files: 1, fields: 10, fieldSize: 10_000, fileSize: MAX_INLINE_BYTES }
  try {
    const contentType = headers['content-type'] ?? ''
    return new Busboy({ headers: { ...headers, 'content-type': contentType }, limits })
  } catch (error) {
    throw fail('BAD_FORM', { reason: (error as Error).message })
  }
}
