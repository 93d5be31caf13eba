import { describe, expect, it } from 'vitest'
import { cloudEventHeaders, type Envelope, readEnvelope } from './envelope.ts'

const ENVELOPE: Envelope = {
  eventId: '5f1c1f4e-7a0e-4b0e-8000-000000000000',
  eventType: 'order.placed',
  timestamp: '2026-01-02T03:04:05.678Z',
  source: 'orders',
  correlationId: 'a-request',
  payload: { orderId: 'o-1' },
  schemaVersion: 2,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
}

describe('an envelope', () => {
  it('is read as it was written', () => {
    expect(readEnvelope(JSON.parse(JSON.stringify(ENVELOPE)))).toEqual(ENVELOPE)
  })

  it('is of the first version when it does not say', () => {
    const { schemaVersion: _, ...rest } = ENVELOPE
    expect(readEnvelope(rest).schemaVersion).toBe(1)
  })

  it.each([
    ['a text', 'no', 'no JSON object'],
    ['a list', [], 'eventId is no text'],
    ['null', null, 'no JSON object'],
    ['no payload', { ...ENVELOPE, payload: undefined }, 'payload is missing'],
    ['no source', { ...ENVELOPE, source: '' }, 'source is no text'],
    ['another time', { ...ENVELOPE, timestamp: 'noon' }, 'timestamp'],
    ['version 0', { ...ENVELOPE, schemaVersion: 0 }, 'schemaVersion'],
    ['a number as trace', { ...ENVELOPE, traceparent: 1 }, 'traceparent'],
  ])('is refused with the reason: %s', (_, given, reason) => {
    expect(() => readEnvelope(given)).toThrow(reason)
  })

  it('has the attributes of CloudEvents 1.0 as headers', () => {
    expect(cloudEventHeaders({ ...ENVELOPE, causationId: 'an-event' })).toEqual({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': ENVELOPE.eventId,
      'ce-type': 'order.placed',
      'ce-source': 'orders',
      'ce-time': ENVELOPE.timestamp,
      'ce-correlationid': 'a-request',
      'ce-causationid': 'an-event',
      'ce-schemaversion': '2',
      traceparent: ENVELOPE.traceparent,
    })
  })
})
