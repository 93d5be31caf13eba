import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts'

async function read(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  async function* body() {
    yield* chunks
  }
  const events: ServerSentEvent[] = []
  for await (const event of readServerSentEvents(body())) events.push(event)
  return events
}

describe('an event stream', () => {
  it('is split into the same events however it is cut into chunks', async () => {
    const text =
      ': hello\r\nevent: status\r\ndata: {"a":"ä€😀"}\r\n\r\ndata: one\ndata:two\nid: 7\n\nevent: empty\n\nevent: last\rdata: x\r\rdata: unfinished'
    const bytes = new TextEncoder().encode(text)
    const whole = [
      { event: 'status', data: '{"a":"ä€😀"}' },
      { event: 'message', data: 'one\ntwo' },
      { event: 'last', data: 'x' },
    ]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        expect(await read(chunks)).toEqual(whole)
      }),
    )
  })
})
