import { createHmac } from 'node:crypto'
import { type OutboundAnswer, secretOf, send } from '../outbound.ts'
import { addressOf, type ResolvedWebhook } from './setting.ts'

/** Of an answer: a reason fits. */
const MOST_BYTES = 64 * 1024

/**
 * Posts a body. Whoever takes it can tell a repetition by `banyan-id`, and by `banyan-signature` that it is ours and new:
 * `v1=` and the HMAC-SHA256, in hexadecimal, of `banyan-timestamp` (seconds), a dot and the body as it came.
 *
 * @throws Error that says why there is no answer.
 */
export async function post(
  webhook: ResolvedWebhook,
  id: string,
  body: object,
  signal: AbortSignal,
): Promise<OutboundAnswer> {
  const text = JSON.stringify(body)
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = webhook.secret && signatureOf(secretOf(webhook.secret), timestamp, text)
  return send({
    method: 'POST',
    url: addressOf(webhook),
    headers: {
      'content-type': 'application/json',
      'user-agent': 'banyan',
      'banyan-id': id,
      'banyan-timestamp': timestamp,
      ...(signature ? { 'banyan-signature': signature } : {}),
    },
    body: text,
    timeoutMs: webhook.timeoutMs,
    mostBytes: MOST_BYTES,
    signal,
  })
}

export function signatureOf(secret: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}
