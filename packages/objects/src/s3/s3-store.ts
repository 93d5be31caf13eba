import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { BanyanError } from '@banyan/contracts'
import { Measured } from '../measured.ts'
import type {
  ByteRange,
  FoundObject,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectPage,
  ObjectStore,
  PutOptions,
  SignedUrlOptions,
} from '../object-store.ts'
import {
  checkKey,
  checkList,
  checkPut,
  checkSignedUrl,
  contentDisposition,
  resolveRange,
} from '../rules.ts'
import { storeFailure } from '../store-failure.ts'
import { spool } from './spool.ts'
import { verified } from './verified.ts'

export interface S3StoreOptions {
  readonly bucket: string
  readonly region: string
  /** Of a server other than AWS. */
  readonly endpoint?: string
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  readonly pathStyle?: boolean
  /** As the AWS SDK finds them when left out. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** Where a put keeps what S3 does not tell; with the metadata, whose names it must not take. */
const SHA256 = 'banyan-sha256'

/** Of a multipart upload; 10,000 parts, so 80 GB. Two of them are in memory at once. */
const PART_BYTES = 8 * 1024 * 1024
const DELETED_AT_ONCE = 1_000

/** Objects in a bucket of S3, or of a server that speaks its protocol; encryption at rest (AES-256) is its work. */
export class S3Store implements ObjectStore {
  readonly #client: S3Client
  readonly #bucket: string
  /** S3 answers its signed URLs itself. */
  readonly answerSigned = null

  constructor({ bucket, region, endpoint, pathStyle = false, credentials }: S3StoreOptions) {
    this.#bucket = bucket
    this.#client = new S3Client({
      region,
      forcePathStyle: pathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials ? { credentials } : {}),
      requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
    })
  }

  async put(
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo> {
    checkKey(key)
    const { contentType, metadata, maxBytes } = checkPut(options)
    const measured = new Measured(maxBytes)
    const spooled = await spool(measured.through(content))
    try {
      const { size, sha256 } = measured.result()
      const upload = new Upload({
        client: this.#client,
        partSize: PART_BYTES,
        queueSize: 2,
        params: {
          ...this.#at(key),
          Body: spooled.body,
          ContentType: contentType,
          Metadata: { ...encoded(metadata), [SHA256]: sha256 },
          ServerSideEncryption: 'AES256',
        },
      })
      await this.#guarded(() => upload.done())
      return { key, size, sha256, contentType, metadata, storedAt: new Date() }
    } finally {
      await spooled.close()
    }
  }

  async get(
    key: string,
    { range }: Parameters<ObjectStore['get']>[1] = {},
  ): Promise<ObjectContent> {
    checkKey(key)
    const part = range ? await this.#resolve(key, range) : null
    const Range = part ? `bytes=${part.start}-${part.end}` : undefined
    const answer = await this.#found(() =>
      this.#client.send(new GetObjectCommand({ ...this.#at(key), Range })),
    )
    if (!answer) throw new BanyanError('NOT_FOUND', { what: 'object' })
    const size = part ? Number(answer.ContentRange?.split('/')[1]) : (answer.ContentLength ?? 0)
    const info = infoOf(key, size, answer)
    const body = answer.Body as Readable
    const whole = part === null && info.sha256 !== null
    return { info, range: part, stream: whole ? verified(body, key, info.sha256!) : body }
  }

  async head(key: string): Promise<FoundObject | null> {
    checkKey(key)
    const answer = await this.#found(() => this.#client.send(new HeadObjectCommand(this.#at(key))))
    return answer && infoOf(key, answer.ContentLength ?? 0, answer)
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#found(() => this.#client.send(new DeleteObjectCommand(this.#at(key))))
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key)
    for (let from = 0; from < keys.length; from += DELETED_AT_ONCE) {
      const Objects = keys.slice(from, from + DELETED_AT_ONCE).map((Key) => ({ Key }))
      const { Errors = [] } = await this.#guarded(() =>
        this.#client.send(
          new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }),
        ),
      )
      const [failed] = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
      if (!failed) continue
      const message = `${failed.Key}: ${failed.Message ?? failed.Code}`
      throw storeFailure(this.#name, new Error(message))
    }
  }

  async list(options: ListOptions = {}): Promise<ObjectPage> {
    const { prefix, after, limit } = checkList(options)
    const { Contents = [], IsTruncated } = await this.#guarded(() =>
      this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          MaxKeys: limit,
          ...(prefix === '' ? {} : { Prefix: prefix }),
          ...(after === '' ? {} : { StartAfter: after }),
        }),
      ),
    )
    const objects = Contents.map(({ Key, Size, ...one }) => ({
      key: Key!,
      size: Size ?? 0,
      version: versionOf(one),
    }))
    return { objects, next: IsTruncated ? (objects.at(-1)?.key ?? null) : null }
  }

  async signedUrl(key: string, options: SignedUrlOptions): Promise<string> {
    checkKey(key)
    checkSignedUrl(options)
    const { method, expiresInS: expiresIn, fileName } = options
    const ResponseContentDisposition =
      fileName === undefined ? undefined : contentDisposition(fileName)
    const asked = { ...this.#at(key), ResponseContentDisposition }
    return this.#guarded(() =>
      method === 'GET'
        ? getSignedUrl(this.#client, new GetObjectCommand(asked), { expiresIn })
        : getSignedUrl(this.#client, new HeadObjectCommand(asked), { expiresIn }),
    )
  }

  async removeUnfinished(olderThanMs: number): Promise<number> {
    const Bucket = this.#bucket
    let removed = 0
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | null = {}
    while (marker) {
      const listing: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket,
        ...marker,
      })
      const page: ListMultipartUploadsCommandOutput = await this.#guarded(() =>
        this.#client.send(listing),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (!Initiated || Initiated.getTime() > Date.now() - olderThanMs) continue
        const abort = new AbortMultipartUploadCommand({ Bucket, Key, UploadId })
        await this.#found(() => this.#client.send(abort))
        removed++
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      marker = IsTruncated
        ? {
            ...(NextKeyMarker ? { KeyMarker: NextKeyMarker } : {}),
            ...(NextUploadIdMarker ? { UploadIdMarker: NextUploadIdMarker } : {}),
          }
        : null
    }
    return removed
  }

  async check(): Promise<void> {
    await this.#guarded(() => this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket })))
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  get #name(): string {
    return `bucket ${this.#bucket}`
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: key }
  }

  async #resolve(key: string, range: ByteRange): Promise<Required<ByteRange>> {
    const info = await this.head(key)
    if (!info) throw new BanyanError('NOT_FOUND', { what: 'object' })
    return resolveRange(range, info.size)
  }

  async #found<T>(ask: () => Promise<T>): Promise<T | null> {
    return ask().catch((error: unknown) => {
      const missing = ['NoSuchKey', 'NotFound', 'NoSuchUpload']
      if (error instanceof S3ServiceException && missing.includes(error.name)) return null
      throw storeFailure(this.#name, error)
    })
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw storeFailure(this.#name, error)
    })
  }
}

interface Described {
  readonly ContentType?: string | undefined
  readonly Metadata?: Record<string, string> | undefined
  readonly LastModified?: Date | undefined
  readonly ETag?: string | undefined
}

/** A listing tells milliseconds, the header of a single object does not. */
function versionOf({ ETag, LastModified }: Pick<Described, 'ETag' | 'LastModified'>): string {
  return `${Math.floor((LastModified?.getTime() ?? 0) / 1000)}/${ETag ?? ''}`
}

function infoOf(key: string, size: number, answer: Described): FoundObject {
  const { [SHA256]: sha256 = null, ...metadata } = answer.Metadata ?? {}
  return {
    key,
    size,
    sha256,
    contentType: answer.ContentType ?? 'application/octet-stream',
    metadata: decoded(metadata),
    storedAt: answer.LastModified ?? new Date(0),
    version: versionOf(answer),
  }
}

/** S3 carries metadata as headers, which take ASCII. */
function encoded(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapped(metadata, encodeURIComponent)
}

function decoded(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return mapped(metadata, (value) => {
    try {
      return decodeURIComponent(value)
    } catch {
      // Another program's, which encodes nothing.
      return value
    }
  })
}

function mapped(given: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, change(value)]))
}
