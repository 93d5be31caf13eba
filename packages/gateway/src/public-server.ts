import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { BanyanError, CertificateFiles, type TlsSetting } from '@banyan/contracts'
import type { Logger } from 'pino'
import { refuse } from './call.ts'
import type { Forwarder } from './forwarder.ts'
import { SecondServer } from './http2-server.ts'
import type { Timeouts } from './options.ts'
import { Turns } from './turns.ts'

/** What TLS adds to the metrics. */
export interface TlsState {
  /** Of the certificate in use, ms since 1970. */
  readonly endsAt: number
  /** Whether the files hold something that cannot be used. */
  readonly refused: boolean
  readonly handshakesFailed: number
  readonly secondConnections: number
  readonly flooded: number
}

/**
 * Mozilla's "intermediate": forward secrecy and authenticated encryption alone, which HTTP/2 asks for as well
 * (RFC 9113, 9.2.2). Those of TLS 1.3 are not chosen here.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** What clients connect to. */
export class PublicServer {
  readonly server: Server
  readonly #tls: TlsSetting | null
  readonly #second: SecondServer | null = null
  readonly #log: Logger
  #files: CertificateFiles | null = null
  #handshakesFailed = 0
  /** While idle connections are kept although it closes. */
  #idleTimer: NodeJS.Timeout | null = null

  constructor(forwarder: Forwarder, timeouts: Timeouts, tls: TlsSetting | null, log: Logger) {
    this.#tls = tls
    this.#log = log
    const { headMs } = timeouts
    const options = {
      // A slow head holds a connection, not memory: but not for ever (slowloris).
      headersTimeout: headMs,
      connectionsCheckingInterval: Math.ceil(headMs / 5),
      // Bodies may stream for as long as they move: `watchBody` looks whether they do.
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      noDelay: true,
    }
    if (!tls) this.server = createServer(options)
    else {
      const second = tls.http2 ?? true
      const ALPNProtocols = second ? ['h2', 'http/1.1'] : ['http/1.1']
      const server = createTlsServer({ ...options, ALPNProtocols, handshakeTimeout: headMs })
      server.on('tlsClientError', () => this.#handshakesFailed++)
      if (second) this.#second = takeSecond(server, forwarder, headMs)
      this.server = server
    }
    serve(this.server, forwarder)
  }

  /** Null without TLS. */
  get tls(): TlsState | null {
    if (!this.#files) return null
    return {
      endsAt: this.#files.endsAt,
      refused: this.#files.problem !== null,
      handshakesFailed: this.#handshakesFailed,
      secondConnections: this.#second?.connections ?? 0,
      flooded: this.#second?.flooded ?? 0,
    }
  }

  /** Reads the certificate, and from then on whenever it changes. @throws BanyanError BAD_CERTIFICATE */
  async openCertificate(): Promise<void> {
    if (!this.#tls) return
    const { cert, key, minVersion = 'TLSv1.2' } = this.#tls
    this.#files = await CertificateFiles.open(
      { cert, key },
      {
        onFailure: ({ message }) =>
          this.#log.error(
            { code: 'BAD_CERTIFICATE', reason: message },
            'the certificate on disk is not taken up',
          ),
      },
    )
    this.#files.follow((certificates) => {
      // For connections from now on; those that stand keep theirs.
      const server = this.server as TlsServer
      server.setSecureContext({ ...certificates, minVersion, ciphers: CIPHERS })
      this.#log.info({ endsAt: new Date(this.#files!.endsAt) }, 'certificate taken up')
    })
  }

  /** Looks at once whether there is another certificate. */
  async renewCertificate(): Promise<void> {
    await this.#files?.reload()
  }

  /** Unless they are kept for a while. */
  endIdleConnections(): void {
    if (this.#idleTimer !== null) return
    this.server.closeIdleConnections()
    this.#second?.endIdle()
  }

  destroyConnections(): void {
    this.server.closeAllConnections()
    this.#second?.destroy()
  }

  /**
   * Listens no more; resolves once the last connection is over.
   *
   * @param idleMs idle connections are kept so long, ms.
   */
  async close(idleMs: number): Promise<void> {
    // Not the close of an HTTP server: that ends idle connections, on which requests may be on their way.
    const closed = new Promise((resolve) => NetServer.prototype.close.call(this.server, resolve))
    if (idleMs > 0) {
      this.#idleTimer = setTimeout(() => {
        this.#idleTimer = null
        this.endIdleConnections()
      }, idleMs)
    }
    this.endIdleConnections()
    await closed
    // Its own, for its timers.
    this.server.close()
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    this.#second?.close()
    this.#files?.close()
  }
}

/** Hands connections that agreed on HTTP/2 to a server of that; the others stay. */
function takeSecond(server: TlsServer, forwarder: Forwarder, headMs: number): SecondServer {
  const refusing = (reason: string) => new BanyanError('BAD_REQUEST', { reason })
  const second = new SecondServer({
    headMs,
    take: (request, response, expectsContinue) => {
      // Taken back in the same breath: nobody waits for it, and no upstream shall hear of it.
      if (request.stream.destroyed) return
      try {
        request.readFields()
      } catch (error) {
        forwarder.refuseUnread(request, response, error as Error)
        return
      }
      forwarder.take(request, response, null, expectsContinue)
    },
    refuseConnect: (request, response) => {
      const problem = refusing('CONNECT is not answered, WebSockets over HTTP/2 are not spoken.')
      forwarder.refuseUnread(request, response, problem, 405)
    },
  })
  const [first] = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') second.accept(socket)
    else first!.call(server, socket)
  })
  return second
}

function serve(server: Server, forwarder: Forwarder): void {
  const turns = new Turns()
  const take = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) =>
    turns.take(request, response, () => {
      forwarder.take(request, response, null, expectsContinue)
    })
  server.on('request', take(false))
  // Node drops what is beyond its count, and a field that frames the body with it; `refusalOf` counts.
  server.maxHeadersCount = 0
  server.on('checkContinue', take(true))
  server.on('upgrade', (request, socket: Socket, head) => {
    // What is answered instead of an upgrade goes the way of any other answer.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    try {
      response.assignSocket(socket)
    } catch {
      // Sent behind a request that is not answered yet: its answer has the connection.
      socket.destroy()
      return
    }
    response.on('finish', () => socket.destroySoon())
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    const no = (reason: string) =>
      refuse(request, response, new BanyanError('BAD_REQUEST', { reason }), 400)
    if (request.headers['transfer-encoding'] ?? Number(request.headers['content-length'] ?? 0)) {
      no('A request to upgrade the connection may not have a body.')
      return
    }
    // Others (h2c, or any in HTTP/1.0) are answered as if they had not asked: RFC 9110, 7.8.
    const webSocket =
      request.headers.upgrade?.toLowerCase() === 'websocket' && request.httpVersion !== '1.0'
    if (webSocket && request.method !== 'GET') {
      no(`A WebSocket is asked for by GET, given ${request.method}.`)
      return
    }
    forwarder.take(request, response, webSocket ? socket : null, false)
  })
}
