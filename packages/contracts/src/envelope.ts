import { BanyanError } from './errors.ts'

/** How an event travels: the same JSON whatever carries it. */
export interface Envelope {
  /** UUID; consumers know by it what they had already. */
  readonly eventId: string
  /** What happened, e.g. `order.placed`. */
  readonly eventType: string
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string
  /** The service that says so. */
  readonly source: string
  /** The same for everything that one request set in motion. */
  readonly correlationId: string
  /** The event whose handling led to this one. */
  readonly causationId?: string
  readonly payload: unknown
  /** Version of the payload's schema, from 1. */
  readonly schemaVersion: number
  /** W3C Trace Context of the span that published it. */
  readonly traceparent?: string
}

/**
 * The envelope's attributes as headers, as CloudEvents 1.0 has them in its binary mode
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):
 * routers and consoles read these without opening the body. The data is the envelope itself.
 */
export function cloudEventHeaders(envelope: Envelope): Record<string, string> {
  return {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': envelope.eventId,
    'ce-type': envelope.eventType,
    'ce-source': envelope.source,
    'ce-time': envelope.timestamp,
    'ce-correlationid': envelope.correlationId,
    'ce-schemaversion': String(envelope.schemaVersion),
    ...(envelope.causationId ? { 'ce-causationid': envelope.causationId } : {}),
    ...(envelope.traceparent ? { traceparent: envelope.traceparent } : {}),
  }
}

const TEXTS = ['eventId', 'eventType', 'timestamp', 'source', 'correlationId'] as const

/**
 * What came as JSON, as an envelope.
 *
 * @throws BanyanError BAD_EVENT for what is none, naming the member.
 */
export function readEnvelope(value: unknown): Envelope {
  if (typeof value !== 'object' || value === null) return refuse('it is no JSON object')
  const given = value as Record<string, unknown>
  for (const name of TEXTS) {
    if (typeof given[name] !== 'string' || given[name] === '') refuse(`${name} is no text`, given)
  }
  if (Number.isNaN(Date.parse(given.timestamp as string))) refuse('timestamp is no time', given)
  for (const name of ['causationId', 'traceparent']) {
    if (given[name] !== undefined && typeof given[name] !== 'string') {
      refuse(`${name} is no text`, given)
    }
  }
  if (given.payload === undefined) refuse('payload is missing', given)
  // Those who send the fields of the requirements only, without ours, mean the first version.
  const version = given.schemaVersion ?? 1
  if (!Number.isInteger(version) || (version as number) < 1) {
    refuse('schemaVersion is no whole number of at least 1', given)
  }
  return { ...(given as unknown as Envelope), schemaVersion: version as number }
}

function refuse(reason: string, given: Record<string, unknown> = {}): never {
  const type = typeof given.eventType === 'string' ? given.eventType : '?'
  throw new BanyanError('BAD_EVENT', { type, reason })
}
