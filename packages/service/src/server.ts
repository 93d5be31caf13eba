import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { CertificateFiles } from '@banyan/contracts'
import type { Limits } from './define.ts'
import { mutualTlsOptions, renewCertificates } from './tls/mutual-tls.ts'

/** A service's own certificate, and what it asks of those who connect. */
export interface Certified {
  readonly files: CertificateFiles
  /** Whether those who connect may lack a certificate; what calls with a service token may not. */
  readonly clientsMayLackOne: boolean
}

/**
 * Longer than a proxy keeps its idle connections (often 60 s, Google's balancers 600 s): it must not send into one just closed. And
 * our gateway keeps them for as long as this says, so that it has to open few when many come at once.
 */
const KEEP_ALIVE_MS = 620_000

/** What a service listens with: over TLS when it has a certificate. */
export function openServer(
  listener: RequestListener,
  { headersMs, requestMs }: Pick<Limits, 'headersMs' | 'requestMs'>,
  tls: Certified | null,
): Server {
  const timeouts = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  if (!tls) return createServer(timeouts, listener)
  const { files, clientsMayLackOne } = tls
  const options = { ...timeouts, ...mutualTlsOptions(files, clientsMayLackOne) }
  const server = createTlsServer(options, listener)
  renewCertificates(server, files)
  return server
}
