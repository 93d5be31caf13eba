import { createHash } from 'node:crypto'
import { cloudEventHeaders, type Envelope } from '@banyan/contracts'
import type { OutgoingMessage } from '@banyan/durable'
import type { WireMessage } from './transport.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** An event as a row of the outbox: its payload there is the whole envelope. */
export function toOutbox(envelope: Envelope, key: string): OutgoingMessage {
  return {
    id: envelope.eventId,
    type: envelope.eventType,
    key,
    payload: envelope,
    headers: cloudEventHeaders(envelope),
    occurredAt: new Date(envelope.timestamp),
  }
}

export function toWire({ id, type, key, payload, headers }: OutgoingMessage): WireMessage {
  return { id, type, key, headers, body: JSON.stringify(payload) }
}

/**
 * What a transport delivered, as the inbox takes it: whatever it is. That it is an event, and fits, is
 * looked at where it is handled, so that what does not is a dead letter with all that came.
 */
export function toInbox({ id, type, key, headers, body }: WireMessage): OutgoingMessage {
  const payload = jsonOf(body)
  const eventId = (payload as Partial<Envelope> | null)?.eventId
  const own = typeof eventId === 'string' && eventId !== '' ? eventId : id
  return {
    id: UUID.test(own) ? own : hashed(own),
    type: type || '?',
    key: key || own,
    payload,
    headers,
    occurredAt: new Date(),
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return body
  }
}

/** A UUID (version 8: of one's own making) for the ids of those who have other ones. */
function hashed(id: string): string {
  const hex = createHash('sha256').update(id).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
