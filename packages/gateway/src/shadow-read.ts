import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { IdentityKeys } from '@banyan/contracts'
import type { Call } from './call.ts'
import type { ComparedAnswer } from './json-difference.ts'
import { readResponseHead } from './response-head.ts'
import { type CompiledTable, type Side, targetPath } from './route-table.ts'
import type { Placement } from './routing.ts'

/** Marks reads that nobody waits for, so that a side may count or rate them apart. */
const SHADOW_HEADER = 'x-banyan-shadow'

/** What depends on the client's earlier answers or connection, not on the rows. */
const LEFT_OUT = /^(accept-encoding|if-[a-z-]+|range)$/i
/** Decoded answers may be this many times the limit of what is kept. */
const EXPANSION = 8

/** A read of a client, kept to be asked again at either side. */
export class ShadowRead {
  readonly placement: Placement
  /** For examples: no query values, since tokens travel in them. */
  readonly label: string
  readonly #call: Pick<Call, 'head' | 'target' | 'credentials'>

  constructor(call: Call, placement: Placement) {
    this.placement = placement
    this.label = `GET ${call.target.path}${call.target.query ? '?…' : ''}`.slice(0, 200)
    this.#call = { head: call.head, target: call.target, credentials: call.credentials }
  }

  /** Asks one side. @throws when it fails, takes longer than `timeoutMs` or answers more than `limit` bytes. */
  async ask(
    side: Side,
    table: CompiledTable,
    options: { identityKey: IdentityKeys; timeoutMs: number; limit: number },
  ): Promise<ComparedAnswer> {
    const { head, target, credentials } = this.#call
    const { route, segments } = this.placement
    const extraction = table.extractions.find((one) => one.name === route.extraction.name)
    if (!extraction) throw new Error('the extraction is over')
    const upstream = side === 'target' ? extraction.target : table.monolith
    let headers = [SHADOW_HEADER, '1', 'accept-encoding', 'identity']
    for (let i = 0; i < head.forward.length; i += 2) {
      const name = head.forward[i]!
      if (LEFT_OUT.test(name) || (side === 'target' && /^host$/i.test(name))) continue
      headers.push(name, head.forward[i + 1]!)
    }
    if (side === 'target' && credentials?.state === 'valid') {
      headers = credentials.caller.onto(headers, head, options.identityKey)
    }
    const path = side === 'target' ? targetPath(route, segments) : target.path
    const answer = await upstream.pool.request({
      method: 'GET',
      path: upstream.prefix + path + target.query,
      headers,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      responseHeaders: 'raw',
      signal: AbortSignal.timeout(options.timeoutMs),
    })
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > options.limit) throw new Error('the answer is too large to compare')
      chunks.push(chunk)
    }
    const raw = answer.headers as unknown as (Buffer | string)[]
    const { contentType, contentEncoding } = readResponseHead(raw, '')
    const body = await decoded(Buffer.concat(chunks), contentEncoding, options.limit)
    return { status: answer.statusCode, contentType, body }
  }
}

const DECODERS: Readonly<Record<string, typeof gunzip>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress as typeof gunzip,
}

/** A body without its content coding. @throws for a coding that is not known, or a body that is not in it. */
export async function decoded(body: Buffer, encoding: string, limit: number): Promise<Buffer> {
  if (encoding === '' || encoding === 'identity') return body
  const decode = DECODERS[encoding]
  if (!decode) throw new Error(`content coding "${encoding}" is not known`)
  const run = promisify<Buffer, object, Buffer>(decode)
  return run(body, { maxOutputLength: limit * EXPANSION })
}
