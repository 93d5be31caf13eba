import type { Readable } from 'node:stream'

/** What is known of a stored object. */
export interface ObjectInfo {
  readonly key: string
  /** Bytes of its content. */
  readonly size: number
  /** Of its content, hex; null for an object that another program stored. */
  readonly sha256: string | null
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  readonly storedAt: Date
}

/** An object as it is found: with what tells that its content was put anew. */
export interface FoundObject extends ObjectInfo {
  /** Another one whenever other content is put; the same in a listing. */
  readonly version: string
}

export interface PutOptions {
  /** e.g. `image/webp`. */
  readonly contentType: string
  /** Names of small letters, digits and dashes; any text as values; 1,800 bytes in all once percent-encoded. */
  readonly metadata?: Readonly<Record<string, string>>
  /** More than this, bytes, is refused and nothing is stored; 5 GiB by default. */
  readonly maxBytes?: number
}

/** Bytes from `start` to `end`, both included, as HTTP counts; to the last one without `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

export interface ObjectContent {
  readonly info: FoundObject
  /** What of it comes; the whole when no range was asked for. */
  readonly range: Required<ByteRange> | null
  /** Fails, rather than ending early, when the content is not what was stored. */
  readonly stream: Readable
}

export interface ListOptions {
  /** Keys that begin so; a prefix need not end with `/`. All when left out. */
  readonly prefix?: string
  /** The page after this key: the `next` of the page before. */
  readonly after?: string
  /** 1 to 1,000; 1,000 by default. */
  readonly limit?: number
}

export interface ObjectPage {
  /** In the order of their keys' bytes. */
  readonly objects: readonly Pick<FoundObject, 'key' | 'size' | 'version'>[]
  /** Where the next page begins; null for the last one. */
  readonly next: string | null
}

export interface SignedUrlOptions {
  /** 1 to 604,800 (7 days), the most that S3 signs for. */
  readonly expiresInS: number
  readonly method: 'GET' | 'HEAD'
  /** The name a browser saves it under; without one it shows it. */
  readonly fileName?: string
}

/**
 * Keeps files by key. Keys are paths of segments with letters, digits and `._=@+-`. An object is there as a
 * whole or not at all, also when the process is killed while it is put; one that is put again is replaced.
 *
 * All methods throw BanyanError BAD_OBJECT_KEY for a key that is not allowed, and
 * OBJECT_STORE_FAILED when the disk or the server fails.
 */
export interface ObjectStore {
  /** @throws TOO_LARGE, BAD_OBJECT; what the stream of the content fails with. Nothing is stored then */
  put(
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo>
  /** The stream must be read to its end or destroyed. @throws NOT_FOUND, BAD_RANGE, OBJECT_UNREADABLE */
  get(key: string, options?: { readonly range?: ByteRange }): Promise<ObjectContent>
  /** null when there is none. @throws OBJECT_UNREADABLE */
  head(key: string): Promise<FoundObject | null>
  /** Whether it was there or not, it is not there afterwards. */
  delete(key: string): Promise<void>
  deleteMany(keys: readonly string[]): Promise<void>
  list(options?: ListOptions): Promise<ObjectPage>
  /** A URL that whoever has it may use until it expires; it does not look whether the object is there. */
  signedUrl(key: string, options: SignedUrlOptions): Promise<string>
  /** What answers its signed URLs, to be mounted; null where the store's own server does. */
  readonly answerSigned: ((asked: SignedRequest) => Promise<SignedAnswer>) | null
  /** Removes what puts have left behind that ended half way, more than so many ms ago; how many. */
  removeUnfinished(olderThanMs: number): Promise<number>
  /** Resolves when objects can be read and written. */
  check(): Promise<void>
  close(): Promise<void>
}

/** A request to a signed URL, of whatever HTTP server. */
export interface SignedRequest {
  readonly method: string
  /** Path below where it is mounted, without a leading `/`, decoded. */
  readonly key: string
  readonly query: Readonly<Record<string, unknown>>
  /** The request's Range header. */
  readonly range?: string | undefined
}

export interface SignedAnswer {
  readonly status: 200 | 206
  readonly headers: Readonly<Record<string, string>>
  /** null for HEAD. */
  readonly body: Readable | null
}
