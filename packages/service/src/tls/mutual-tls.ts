import type { Server, ServerOptions } from 'node:https'
import type { CertificateFiles } from '@banyan/contracts'
import { Agent, buildConnector } from 'undici'
import { CONNECT_TIMEOUT_MS } from '../client/agent.ts'
import { BULKHEAD_DEFAULTS } from '../client/bulkhead.ts'

/** Both ends are ours. */
const LEAST = 'TLSv1.3'

/**
 * For the server: a connection without a certificate of a known authority is refused; where clients
 * `mayLackOne`, it is taken, and known to be of nobody.
 */
export function mutualTlsOptions(files: CertificateFiles, mayLackOne = false): ServerOptions {
  const rejectUnauthorized = !mayLackOne
  return { ...files.current, requestCert: true, rejectUnauthorized, minVersion: LEAST }
}

/** Has the server take up changed certificates; connections that stand are kept. */
export function renewCertificates(server: Server, files: CertificateFiles): void {
  // What is not said again falls back to Node's default.
  files.follow((certificates) => server.setSecureContext({ ...certificates, minVersion: LEAST }))
}

/**
 * Carries a client's calls with this process's certificate, to a server whose own is for `serverName`.
 * Changed certificates are taken up by connections made from then on.
 *
 * @param connections at most; 50 by default, as many as a client's calls at a time
 */
export function mutualTlsAgent(
  files: CertificateFiles,
  serverName: string,
  connections = BULKHEAD_DEFAULTS.concurrency,
): Agent {
  let connect: buildConnector.connector
  files.follow((certificates) => {
    connect = buildConnector({
      ...certificates,
      servername: serverName,
      minVersion: LEAST,
      timeout: CONNECT_TIMEOUT_MS,
      // A session of before would go on with the certificate of before.
      maxCachedSessions: 0,
    })
  })
  return new Agent({
    connections,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => connect(options, callback),
  })
}
