import { createRequire } from 'node:module'
import { AnswerParser } from '../upstream/answer-parser.ts'

/** What a reader makes of the bytes of one answer. */
export interface ReadAnswer {
  status: number
  fields: string[]
  body: string
  trailers: string[]
  whole: boolean
  /** Why not, of what was refused; `more` when bytes stood behind the answer. */
  refused: string | null
}

const nothing = (): ReadAnswer => ({
  ...{ status: 0, fields: [], body: '', trailers: [], whole: false, refused: null },
})

/** By the gateway's own parser, in these pieces and then the end of the connection. */
export function readByUs(pieces: readonly Buffer[], method: string): ReadAnswer {
  const answer = nothing()
  const parser = new AnswerParser({
    head({ status, fields }) {
      answer.status = status
      answer.fields = fields
    },
    data(chunk) {
      answer.body += chunk.toString('latin1')
    },
    whole(trailers) {
      answer.trailers = trailers
      answer.whole = true
    },
  })
  parser.expect(method)
  try {
    for (const piece of pieces) parser.read(piece)
    if (!answer.whole) parser.finish()
  } catch (error) {
    answer.refused = answer.whole ? 'more' : (error as Error).message
  }
  return answer
}

interface NodeParser {
  [callback: number]: (...given: never[]) => unknown
  initialize(type: number, resource: object): void
  execute(bytes: Buffer): unknown
  finish(): unknown
}
interface NodeParserClass {
  new (): NodeParser
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}
// Not documented, and what Node's client reads with: llhttp.
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: NodeParserClass
}

/** By llhttp, as Node comes with it. What stands behind the answer it is not asked about. */
export function readByNode(bytes: Buffer, method: string): ReadAnswer {
  const answer = nothing()
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE, {})
  let flushed: string[] = []
  parser[HTTPParser.kOnHeaders] = (fields: string[]) => {
    flushed.push(...fields)
  }
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: string[] | undefined,
    _method: unknown,
    _url: unknown,
    status: number,
  ) => {
    if (answer.whole) return 0
    if (status >= 200 || status === 101) {
      answer.status = status
      answer.fields = [...flushed, ...(fields ?? [])]
    }
    flushed = []
    return method === 'HEAD' ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    if (!answer.whole) answer.body += chunk.toString('latin1')
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (answer.status === 0 || answer.whole) return
    // A copy: trailers of an answer behind this one are put into the same list.
    answer.trailers = [...flushed]
    answer.whole = true
  }
  let result = parser.execute(bytes)
  if (!(result instanceof Error) && !answer.whole) result = parser.finish()
  if (result instanceof Error && !answer.whole) answer.refused = result.message
  return answer
}
