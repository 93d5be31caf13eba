import type { Message, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import type { WireMessage } from '../transport.ts'
import { messageGroup } from './names.ts'

/** All that is not the body travels in this attribute as JSON: SQS takes ten attributes, headers are more. */
const META = 'banyan'

/** Characters that SQS refuses in a body. */
const REFUSED = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

interface Meta {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly headers: Record<string, string>
  readonly encoding?: 'base64'
}

/** What is sent for a message, and how many bytes SQS counts for it. */
export interface Entry {
  readonly message: WireMessage
  readonly bytes: number
  readonly request: Omit<SendMessageBatchRequestEntry, 'Id'>
}

export function toEntry(message: WireMessage): Entry {
  const { id, type, key, body, headers } = message
  const encoded = body === '' || REFUSED.test(body)
  // An empty body is refused as well: padding alone stands for it.
  const text = encoded ? Buffer.from(body, 'utf8').toString('base64') || '=' : body
  const meta: Meta = { id, type, key, headers, ...(encoded ? { encoding: 'base64' } : {}) }
  // Beyond ASCII everything is escaped: what SQS refuses in a body it refuses here too.
  const value = JSON.stringify(meta).replace(/[^ -~]/g, escaped)
  return {
    message,
    bytes: Buffer.byteLength(text) + META.length + 'String'.length + value.length,
    request: {
      MessageBody: text,
      MessageGroupId: messageGroup(key),
      MessageDeduplicationId: id,
      MessageAttributes: { [META]: { DataType: 'String', StringValue: value } },
    },
  }
}

/** The message, or null when it is not one of ours. */
export function fromSqs({ Body, MessageAttributes }: Message): WireMessage | null {
  const text = MessageAttributes?.[META]?.StringValue
  if (text === undefined || Body === undefined) return null
  const { id, type, key, headers, encoding } = JSON.parse(text) as Meta
  const body = encoding ? Buffer.from(Body, encoding).toString('utf8') : Body
  return { id, type, key, body, headers }
}

export const ATTRIBUTES = [META]

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
