import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

/** A client's request, of whichever version of HTTP: what is used of Node's class. */
export type ClientRequest = Readable &
  Pick<
    IncomingMessage,
    | 'complete'
    | 'headers'
    | 'httpVersion'
    | 'httpVersionMajor'
    | 'httpVersionMinor'
    | 'method'
    | 'rawHeaders'
    | 'socket'
    | 'url'
  >

/** The answer to one: what is used of Node's class. */
export interface ClientResponse
  extends Pick<
    ServerResponse,
    'headersSent' | 'statusCode' | 'writableEnded' | 'writableFinished'
  > {
  shouldKeepAlive: boolean
  sendDate: boolean
  /** @param headers flat names and values. */
  writeHead(status: number, headers: string[]): unknown
  writeHead(status: number, reason: string, headers: string[]): unknown
  flushHeaders(): void
  write(chunk: Buffer): boolean
  end(): unknown
  end(chunk: Buffer): unknown
  addTrailers(trailers: [string, string][]): void
  writeContinue(): unknown
  destroy(): unknown
  on(event: 'close' | 'drain', listener: () => void): unknown
}
