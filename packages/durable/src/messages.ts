import { randomBytes } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'

/** A message as it is written to an outbox, and as a consumer receives it. */
export interface OutgoingMessage {
  /** UUID; consumers know by it what they had already. `messageId()` makes ones that index well. */
  readonly id: string
  readonly type: string
  /** Messages of one key are sent, and handled, in the order in which they were written. */
  readonly key: string
  /** Whatever JSON can hold. */
  readonly payload: unknown
  readonly headers: Readonly<Record<string, string>>
  readonly occurredAt: Date
}

/** A row of a table that keeps messages. */
export interface MessageRow {
  readonly position: string
  readonly id: string
  readonly type: string
  readonly key: string
  readonly payload: unknown
  readonly headers: Record<string, string>
  readonly occurred_at: Date
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** A UUID of version 7 (RFC 9562): those made later sort later, so that an index grows at one end. */
export function messageId(): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

/** @throws BAD_MESSAGE, naming the field, what was given and what is allowed. */
export function checkMessage(message: OutgoingMessage): void {
  const refuse = (field: string, rule: string) => {
    const given = JSON.stringify(message[field as keyof OutgoingMessage]) ?? 'nothing'
    throw new BanyanError('BAD_MESSAGE', { field, given: given.slice(0, 200), rule })
  }
  if (typeof message.id !== 'string' || !UUID.test(message.id)) refuse('id', 'a UUID')
  if (typeof message.type !== 'string' || message.type === '') refuse('type', 'a text, not empty')
  if (typeof message.key !== 'string' || message.key === '') refuse('key', 'a text, not empty')
  if (message.payload === undefined) refuse('payload', 'JSON; null where there is nothing to say')
  const at = message.occurredAt
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) refuse('occurredAt', 'a Date')
}

export function toMessage(row: MessageRow): OutgoingMessage {
  const { id, type, key, payload, headers, occurred_at: occurredAt } = row
  return { id, type, key, payload, headers, occurredAt }
}

/** What `MESSAGE_COLUMNS` are unnested from, in their order. */
export function messageArrays(messages: readonly OutgoingMessage[]): unknown[] {
  return [
    messages.map((message) => message.id),
    messages.map((message) => message.type),
    messages.map((message) => message.key),
    messages.map((message) => JSON.stringify(message.payload)),
    messages.map((message) => JSON.stringify(message.headers)),
    messages.map((message) => message.occurredAt.toISOString()),
  ]
}

export const MESSAGE_COLUMNS = 'id, type, key, payload, headers, occurred_at'
/** The same as columns of rows, in the order in which they were given; needs six parameters from $1. */
export const MESSAGE_ROWS = `unnest($1::uuid[], $2::text[], $3::text[], $4::json[], $5::json[], $6::timestamptz[])
  WITH ORDINALITY AS given (${MESSAGE_COLUMNS}, n)`
