import { randomUUID } from 'node:crypto'
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { objectStoreConformance } from '../conformance/index.ts'
import { openObjectStore } from '../open-object-store.ts'
import { S3Store } from './s3-store.ts'

const endpoint = process.env.BANYAN_S3_URL ?? 'http://127.0.0.1:14000'
// Children of the suite inherit them, as services do from their environment.
process.env.AWS_ACCESS_KEY_ID = 'test'
process.env.AWS_SECRET_ACCESS_KEY = 'test-secret'
const Bucket = 'banyan'
const region = 'us-east-1'
const url = `s3://${Bucket}?region=${region}&style=path&endpoint=${encodeURIComponent(endpoint)}`

objectStoreConformance('S3', async () => {
  const store = await openObjectStore({ url })
  return { store, settings: { url }, stop: () => store.close() }
})

describe('what S3 has of its own', () => {
  const client = new S3Client({ region, endpoint, forcePathStyle: true })
  /** Headers of what the store sends, on the way there. */
  const puts: Record<string, string>[] = []
  let store: S3Store
  beforeAll(async () => {
    store = new S3Store({ bucket: Bucket, region, endpoint, pathStyle: true })
  })
  afterAll(async () => {
    client.destroy()
    await store.close()
  })

  it('is asked to encrypt everything that is put, in one part or in many', async () => {
    const { createServer } = await import('node:http')
    const proxy = createServer((request, response) => {
      if (request.method !== 'GET') puts.push(request.headers as Record<string, string>)
      request.resume().on('end', () => response.writeHead(400).end())
    })
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening))
    const { port } = proxy.address() as { port: number }
    const watched = new S3Store({
      ...{ bucket: Bucket, region, pathStyle: true },
      endpoint: `http://127.0.0.1:${port}`,
    })
    for (const size of [10, 20_000_000]) {
      const putting = watched.put('a', Buffer.alloc(size), { contentType: 'text/plain' })
      await expect(putting).rejects.toMatchObject({ code: 'OBJECT_STORE_FAILED' })
    }
    proxy.closeAllConnections()
    proxy.close()
    await watched.close()
    expect(puts.length).toBeGreaterThanOrEqual(2)
    for (const headers of puts) {
      expect(headers).toMatchObject({ 'x-amz-server-side-encryption': 'AES256' })
    }
  })

  it('keeps parts of an upload that never ended; they are removed once they are old', async () => {
    const Key = `t${randomUUID()}/half`
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    const Body = Buffer.alloc(5 * 1024 * 1024)
    await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body }))
    expect(await store.head(Key)).toBe(null)
    expect((await store.list({ prefix: Key })).objects).toEqual([])
    const unfinished = async () => {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
      return (Uploads ?? []).filter((upload) => upload.Key === Key).length
    }
    await store.removeUnfinished(3_600_000)
    expect(await unfinished()).toBe(1)
    expect(await store.removeUnfinished(-60_000)).toBeGreaterThanOrEqual(1)
    expect(await unfinished()).toBe(0)
  })

  it('gives what another program stored, without a hash of ours', async () => {
    const Key = `t${randomUUID()}/foreign`
    const Metadata = { note: '100 % plain' }
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'theirs', Metadata }))
    const { info, stream } = await store.get(Key)
    stream.destroy()
    expect(info).toMatchObject({ size: 6, sha256: null, metadata: Metadata })
  })

  it('fails a read whose content is not what was put', async () => {
    const Key = `t${randomUUID()}/changed`
    const { sha256 } = await store.put(Key, Buffer.from('as it was'), { contentType: 'text/plain' })
    const Metadata = { 'banyan-sha256': sha256! }
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'otherwise', Metadata }))
    const { stream } = await store.get(Key)
    await expect(stream.toArray()).rejects.toMatchObject({ code: 'OBJECT_UNREADABLE' })
  })

  it('says which bucket fails, and how', async () => {
    const none = new S3Store({ bucket: 'no-such', region, endpoint, pathStyle: true })
    await expect(none.check()).rejects.toThrow(/^bucket no-such: /)
    const put = none.put('a', Buffer.from('x'), { contentType: 'text/plain' })
    await expect(put).rejects.toMatchObject({ code: 'OBJECT_STORE_FAILED', status: 503 })
    await none.close()
  })
})
