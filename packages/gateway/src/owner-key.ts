import { BanyanError, type OwnerSource } from '@banyan/contracts'
import { headerValue, type RequestHead } from './request-head.ts'

/** What an owner key can be found in; the subject is the authentication's business. */
export interface OwnerPlaces {
  readonly head: RequestHead
  readonly segments: readonly string[]
  readonly ownerSegment: number
  readonly query: string
  /** The whole body; asked for only by a `body` source. */
  readonly body: Buffer | null
}

/**
 * The owner key a request names, or null when it names none.
 *
 * @throws BanyanError BAD_REQUEST when it names two, or in a form that cannot be read: gateway and upstream
 *   could then take different ones.
 */
export function ownerKey(
  source: Exclude<OwnerSource, { from: 'subject' }>,
  places: OwnerPlaces,
): string | null {
  switch (source.from) {
    case 'whole':
      return null
    case 'header':
      return headerValue(places.head, source.name) ?? null
    case 'path':
      return decodeSegment(places.segments[places.ownerSegment] ?? '')
    case 'query':
      return queryValue(places.query, source.name)
    case 'body':
      return bodyValue(places.head, places.body, source.field)
  }
}

function decodeSegment(segment: string): string {
  try {
    // Bytes above ASCII that came unescaped are UTF-8, which Node hands on as Latin-1.
    return decodeURIComponent(Buffer.from(segment, 'latin1').toString('utf8'))
  } catch {
    throw unreadable('The path is not valid UTF-8.')
  }
}

function queryValue(query: string, name: string): string | null {
  const values = new Set(new URLSearchParams(query).getAll(name))
  if (values.size > 1) throw unreadable(`The query has different values for "${name}".`)
  return values.values().next().value ?? null
}

function bodyValue(head: RequestHead, body: Buffer | null, field: string): string | null {
  if (body === null || body.length === 0) return null
  const type = headerValue(head, 'content-type')?.toLowerCase() ?? ''
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return queryValue(body.toString('utf8'), field)
  }
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    // The upstream refuses it too; whose it would have been does not matter.
    return null
  }
  for (const key of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null
    value = (value as Record<string, unknown>)[key]
  }
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}

function unreadable(reason: string): BanyanError {
  return new BanyanError('BAD_REQUEST', { reason })
}
