import type { FastifyInstance } from 'fastify'

/** What clients of one version of an API are told about its end. */
export interface ApiVersion {
  readonly deprecated?: {
    /** Since when, or from when, nobody should begin to use it. */
    readonly since: Date
    /** When it may stop answering. */
    readonly sunset?: Date
    /** What to use instead, e.g. `/v2/orders`. */
    readonly successor?: string
    /** A page that says what changed. */
    readonly link?: string
  }
}

/** Sends Deprecation (RFC 9745), Sunset (RFC 8594) and Link with each answer of a version. */
export function announceEnd(app: FastifyInstance, { deprecated }: ApiVersion): void {
  if (!deprecated) return
  const { since, sunset, successor, link } = deprecated
  const links = [
    ...(successor ? [`<${successor}>; rel="successor-version"`] : []),
    ...(link ? [`<${link}>; rel="deprecation"; type="text/html"`] : []),
  ].join(', ')
  app.addHook('onRequest', async (_request, reply) => {
    // A Date of structured fields (RFC 9651): seconds since the epoch.
    reply.header('deprecation', `@${Math.floor(since.getTime() / 1000)}`)
    if (sunset) reply.header('sunset', sunset.toUTCString())
    if (links) reply.header('link', links)
  })
}
