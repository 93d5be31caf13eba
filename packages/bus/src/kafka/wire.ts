import type { KafkaMessage, Message } from 'kafkajs'
import type { WireMessage } from '../transport.ts'

/** Headers of ours on a record; those of the message have `h-` before their name, so none can meet. */
const ID = 'banyan-id'
const TYPE = 'banyan-type'
const PREFIX = 'h-'

/** What a record adds to its key, value and headers: lengths, offset, attributes; rounded up. */
const RECORD_OVERHEAD = 64

export function toRecord({ id, type, key, body, headers }: WireMessage): Message {
  const own = Object.entries(headers).map(([name, value]) => [PREFIX + name, value])
  return { key, value: body, headers: { [ID]: id, [TYPE]: type, ...Object.fromEntries(own) } }
}

export function bytesOf({ id, type, key, body, headers }: WireMessage): number {
  let bytes = RECORD_OVERHEAD + ID.length + TYPE.length
  for (const text of [id, type, key, body]) bytes += Buffer.byteLength(text)
  for (const [name, value] of Object.entries(headers)) {
    bytes += PREFIX.length + 4 + Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  return bytes
}

export function typeOf({ headers }: KafkaMessage): string | undefined {
  return text(headers?.[TYPE])
}

/** The message of a record that has a type; what a foreign producer left out is empty. */
export function fromRecord({ key, value, headers }: KafkaMessage, type: string): WireMessage {
  const own: Record<string, string> = {}
  for (const [name, given] of Object.entries(headers ?? {})) {
    if (name.startsWith(PREFIX)) own[name.slice(PREFIX.length)] = text(given) ?? ''
  }
  return {
    id: text(headers?.[ID]) ?? '',
    type,
    key: key?.toString() ?? '',
    body: value?.toString() ?? '',
    headers: own,
  }
}

function text(given: Buffer | string | (Buffer | string)[] | undefined): string | undefined {
  return (Array.isArray(given) ? given[0] : given)?.toString()
}
