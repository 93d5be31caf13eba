import type { ConsumeMessage, Options } from 'amqplib'
import type { WireMessage } from '../transport.ts'

/** Headers of ours; those of the message have `h-` before their name, so none can meet. */
const KEY = 'banyan-key'
const TYPE = 'banyan-type'
const PREFIX = 'h-'

export function toProperties({ id, type, key, headers }: WireMessage): Options.Publish {
  const own = Object.entries(headers).map(([name, value]) => [PREFIX + name, value])
  return {
    // Written to the disk before it is confirmed.
    persistent: true,
    messageId: id,
    headers: { [KEY]: key, [TYPE]: type, ...Object.fromEntries(own) },
  }
}

/** What a foreign publisher left out is empty. */
export function fromDelivery({ properties, content }: ConsumeMessage): WireMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (name.startsWith(PREFIX)) headers[name.slice(PREFIX.length)] = String(value)
  }
  return {
    id: String(properties.messageId ?? ''),
    type: String(properties.headers?.[TYPE] ?? ''),
    key: String(properties.headers?.[KEY] ?? ''),
    body: content.toString(),
    headers,
  }
}
