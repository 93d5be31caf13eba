import { Readable } from 'node:stream'
import { SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import {
  type Description,
  type ListedObject,
  ObjectRefused,
  type ObjectSide,
  type ReadObject,
} from '@banyan/objects'
import { ServiceTokens, SigningKey } from '@banyan/service/http'
import { z } from 'zod'

// Written against the service's API and nothing else of it.

const PREFIX = 'gallery'
const PAGE = 1_000
/** For an answer, and for one with a file in it, ms. */
const ANSWER_MS = 10_000
const CONTENT_MS = 60_000
/** The monolith takes no larger file, bytes: each is in memory once, since Storage reserves room for what it is told will come. */
const LARGEST_BYTES = 10 * 1024 * 1024
/** The answers that are about the one file: no room, malware, an id that is used up. */
const ABOUT_THE_FILE = [400, 410, 413, 422]

const StoredFile = z.object({
  id: z.string(),
  ownerId: z.string(),
  prefix: z.string(),
  fileName: z.string(),
  size: z.number(),
  sha256: z.string(),
})
const StoredFiles = z.object({ files: z.array(StoredFile) })
const Problem = z.object({ code: z.string(), detail: z.string() })

export interface StorageSideOptions {
  /** Of the File Storage Service. */
  readonly url: string
  /** Of the engine, a private JSON Web Key: the service knows its public half as `banyan`'s. */
  readonly key: string
}

/**
 * What users keep for themselves at the File Storage Service, each under `OWNER/ID/NAME`. Through its API: what
 * is written there is counted, scanned and told like any other upload.
 */
export class StorageSide implements ObjectSide {
  readonly name: string
  readonly #url: string
  readonly #tokens: ServiceTokens

  constructor({ url, key }: StorageSideOptions) {
    this.name = `File Storage at ${url}`
    this.#url = url
    this.#tokens = new ServiceTokens({
      ...{ name: 'banyan', issuer: 'banyan' },
      key: new SigningKey(key),
    })
  }

  async *list(after: string): AsyncGenerator<ListedObject> {
    for (let from = after; ; ) {
      const query = new URLSearchParams({ prefix: PREFIX, after: from, limit: String(PAGE) })
      const answer = await this.#ask('GET', `/files?${query}`)
      const { files } = StoredFiles.parse(await answer.json())
      for (const { id, ownerId, fileName, size, sha256 } of files) {
        const key = `${ownerId}/${id}/${fileName}`
        yield { key, owner: ownerId, size, version: sha256 }
        from = key
      }
      if (files.length < PAGE) return
    }
  }

  async read(key: string): Promise<ReadObject | null> {
    const { id, ownerId } = partsOf(key)
    const known = await this.#find(`/files/${encodeURIComponent(id)}`)
    if (!known) return null
    const file = StoredFile.parse(await known.json())
    if (file.ownerId !== ownerId || file.prefix !== PREFIX) return null
    const content = await this.#find(`/files/${encodeURIComponent(id)}/content`)
    if (!content?.body) return null
    return {
      version: file.sha256,
      contentType: 'application/octet-stream',
      metadata: {},
      stream: Readable.fromWeb(content.body as Parameters<typeof Readable.fromWeb>[0]),
    }
  }

  async write(
    key: string,
    content: AsyncIterable<Uint8Array>,
    { contentType }: Description,
  ): Promise<void> {
    const { id: fileId, ownerId, fileName } = partsOf(key)
    const query = new URLSearchParams({ ownerId, prefix: PREFIX, fileId, fileName, contentType })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of content) {
      size += part.length
      if (size > LARGEST_BYTES) {
        throw new ObjectRefused(`"${key}" is larger than ${LARGEST_BYTES} bytes`)
      }
      parts.push(part)
    }
    const answer = await this.#ask('POST', `/upload?${query}`, Buffer.concat(parts))
    await answer.body?.cancel()
  }

  async delete(key: string): Promise<void> {
    await this.#ask('DELETE', `/files/${encodeURIComponent(partsOf(key).id)}`)
  }

  async close(): Promise<void> {}

  /** null for 404. */
  async #find(path: string): Promise<Response | null> {
    const answer = await this.#send('GET', path)
    if (answer.status !== 404) return this.#judged('GET', path, answer)
    await answer.body?.cancel()
    return null
  }

  async #ask(method: string, path: string, content?: Buffer<ArrayBuffer>): Promise<Response> {
    return this.#judged(method, path, await this.#send(method, path, content))
  }

  async #send(method: string, path: string, content?: Buffer<ArrayBuffer>): Promise<Response> {
    const headers: Record<string, string> = {
      [SERVICE_TOKEN_HEADER]: await this.#tokens.for('storage'),
    }
    const url = `${this.#url}/internal/v1${path}`
    const large = content !== undefined || path.endsWith('/content')
    const signal = AbortSignal.timeout(large ? CONTENT_MS : ANSWER_MS)
    if (content) headers['content-type'] = 'application/octet-stream'
    return fetch(url, { method, headers, signal, ...(content ? { body: content } : {}) })
  }

  /** @throws ObjectRefused for what is about the one file; Error for what may pass */
  async #judged(method: string, path: string, answer: Response): Promise<Response> {
    if (answer.ok) return answer
    const text = await answer.text()
    const problem = Problem.safeParse(parseJson(text))
    const { code, detail } = problem.success ? problem.data : { code: '', detail: text }
    const asked = `${method} ${path.split('?', 1)[0]}`
    const said = `${this.name} answered ${answer.status} ${code} to ${asked}: ${detail.slice(0, 300)}`
    const ofOne = ABOUT_THE_FILE.includes(answer.status) || code === 'FILE_ID_TAKEN'
    throw ofOne ? new ObjectRefused(said) : new Error(said)
  }
}

/** @throws ObjectRefused for what the monolith never writes */
function partsOf(key: string): { ownerId: string; id: string; fileName: string } {
  const [ownerId, id, fileName, ...more] = key.split('/')
  if (ownerId && id && fileName && more.length === 0) return { ownerId, id, fileName }
  throw new ObjectRefused(`"${key.slice(0, 100)}" is no USER/ID/NAME`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
