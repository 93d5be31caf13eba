import { EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CollectedSpan, startCollector } from '../testing/collector.ts'
import { startNotes } from '../testing/notes.ts'
import { ask, eventually } from '../testing/requests.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

/** The spans of what `work` asks of a service; read when it has stopped, which sends the last. */
async function spansOf(
  work: (url: string, pool: Pool) => Promise<unknown>,
): Promise<CollectedSpan[]> {
  const collector = await startCollector()
  const service = await startNotes(server, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  await work(service.url, service.context.pool)
  await service.stop()
  await collector.close()
  return collector.spans
}

it('goes on with the trace of the caller, down to each statement', async () => {
  const headers = { traceparent: `00-${TRACE}-${CALLER}-01` }
  const spans = await spansOf((url) =>
    ask(`${url}/v1/notes?token=hidden`, { user: 'ada', body: { body: 'a secret' }, headers }),
  )
  const request = spans.find(({ name }) => name === 'POST /v1/notes')!
  expect(request).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, kind: 2 })
  const insert = spans.find(({ name }) => name === 'INSERT')!
  expect(insert).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId, kind: 3 })
  expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['BEGIN', 'COMMIT']))
  expect(JSON.stringify(spans)).not.toMatch(/a secret|hidden/)
})

it('keeps requests apart that wait for one pool', async () => {
  const spans = await spansOf(async (url, pool) => {
    // One of the twenty listens for events.
    const taken = await Promise.all(Array.from({ length: 19 }, () => pool.connect()))
    const answers = Array.from({ length: 40 }, (_, n) => {
      const traceId = n.toString(16).padStart(32, 'a')
      const headers = { traceparent: `00-${traceId}-${CALLER}-01` }
      return ask(`${url}/v1/notes`, { user: 'ada', headers })
    })
    await eventually('all wait', () => pool.waitingCount >= 40)
    for (const client of taken) client.release()
    await Promise.all(answers)
  })
  const selects = spans.filter(({ name }) => name === 'SELECT')
  expect(selects).toHaveLength(40)
  expect(new Set(selects.map(({ traceId }) => traceId)).size).toBe(40)
  for (const select of selects) {
    const parent = spans.find(({ spanId }) => spanId === select.parentSpanId)
    expect(parent?.traceId).toBe(select.traceId)
  }
})

it('begins a trace of its own where none came, and none for probes', async () => {
  const spans = await spansOf(async (url) => {
    await ask(`${url}/health/ready`)
    await ask(`${url}/v1/notes/x`, { user: 'ada', headers: { traceparent: 'x' } })
  })
  expect(spans.map(({ name }) => name)).toEqual(['GET /v1/notes/:id'])
  expect(spans[0]!.parentSpanId).toBeUndefined()
})
