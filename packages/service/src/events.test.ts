import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NoteWritten } from '../example/events.ts'
import { startCollector } from './testing/collector.ts'
import { startNotes } from './testing/notes.ts'
import { ask, eventually } from './testing/requests.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

type Notes = Awaited<ReturnType<typeof startNotes>>

async function tally(notes: Notes, owner: string): Promise<number> {
  const { rows } = await notes.context.pool.query(
    'SELECT notes FROM notes.tallies WHERE owner_id = $1',
    [owner],
  )
  return rows[0]?.notes ?? 0
}

const write = (notes: Notes, user: string, headers: Record<string, string> = {}) =>
  ask(`${notes.url}/v1/notes`, { user, body: { body: 'x' }, headers })

it('one trace, and one correlation id, lead from the request to the reaction', async () => {
  const collector = await startCollector()
  const lines: string[] = []
  const notes = await startNotes(
    server,
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LOG_LEVEL: 'info' },
    { writeLog: (line) => lines.push(line) },
  )
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const answer = await write(notes, 'traced', {
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    'x-correlation-id': 'trip-1',
  })
  expect(answer.status).toBe(201)
  await eventually('it was tallied', async () => (await tally(notes, 'traced')) === 1)
  const { text } = await ask(`${notes.url}/metrics`)
  expect(text).toMatch(/event_lag_seconds_count\{[^}]*type="note.written"[^}]*\} 1/)
  expect(text).toMatch(/outbox_messages\{service="notes"\} \d/)
  expect(text).toMatch(/inbox_dead_letters\{reaction="notes.tally",service="notes"\} 0/)
  expect(text).toMatch(/inbox_oldest_seconds\{reaction="notes.tally",service="notes"\} 0/)
  expect(text).toMatch(/reaction_failures_total\{reaction="notes.tally",[^}]*\} 0/)
  expect(text).toMatch(/notes_written_total\{service="notes"\} 1/)
  const { body } = await ask(`${notes.url}/health/ready`)
  expect(body).toMatchObject({ checks: [{ name: 'database' }, { name: 'bus', required: false }] })
  await notes.stop()
  await collector.close()

  const spans = collector.spans.filter((span) => span.traceId === traceId)
  const request = spans.find(({ name }) => name === 'POST /v1/notes')!
  const reaction = spans.find(({ name }) => name === 'notes.tally note.written')!
  expect(request.kind).toBe(2)
  expect(reaction).toMatchObject({ kind: 5, parentSpanId: request.spanId })
  const children = (span: { spanId: string }) =>
    spans.filter(({ parentSpanId }) => parentSpanId === span.spanId).map(({ name }) => name)
  expect(children(request)).toEqual(expect.arrayContaining(['INSERT', 'COMMIT']))
  expect(children(reaction)).toContain('INSERT')
})

it('says nothing of what was rolled back, and hears once what a dead process left', async () => {
  const first = await startNotes(server)
  const id = crypto.randomUUID()
  const said = NoteWritten.of({ noteId: id, ownerId: 'undone' })
  const undone = first.context.transaction(async (tx) => {
    await tx.publish(said, { key: 'undone' })
    throw new Error('no')
  })
  await expect(undone).rejects.toThrow('no')
  await first.stop()
  // Nobody runs; what is committed meanwhile waits in the outbox.
  const second = await startNotes(server)
  for (let n = 0; n < 5; n++) await write(second, 'ada')
  await second.context.publish(NoteWritten.of({ noteId: id, ownerId: 'ada' }), { key: 'ada' })
  await second.stop()
  const third = await startNotes(server)
  await eventually('all were tallied', async () => (await tally(third, 'ada')) === 6)
  expect(await tally(third, 'undone')).toBe(0)
  await third.stop()
})

it('says several events at once, or none of them', async () => {
  const notes = await startNotes(server)
  const { transaction } = notes.context
  const several = (ownerId: string, count: number) =>
    Array.from({ length: count }, () => {
      return { event: NoteWritten.of({ noteId: crypto.randomUUID(), ownerId }), key: ownerId }
    })
  await transaction((tx) => tx.publishAll(several('bob', 3)))
  await transaction((tx) => tx.publishAll([]))
  const wrong = [...several('bill', 2), { ...several('bill', 1)[0]!, key: '' }]
  await expect(transaction((tx) => tx.publishAll(wrong))).rejects.toMatchObject({
    code: 'BAD_EVENT',
  })
  await transaction((tx) => tx.publishAll(several('bob', 1)))
  await eventually('all were tallied', async () => (await tally(notes, 'bob')) === 4)
  expect(await tally(notes, 'bill')).toBe(0)
  await notes.stop()
})

it('starts, is ready, and answers, while the bus is away', async () => {
  const other = await EmbeddedPostgres.start()
  await other.kill()
  const notes = await startNotes(server, { BUS_URL: other.url() })
  expect(await busIsOk(notes)).toBe(false)
  expect((await write(notes, 'eve')).status).toBe(201)
  await other.start()
  await eventually('the first was tallied', async () => (await tally(notes, 'eve')) === 1)
  await eventually('the bus is there', () => busIsOk(notes))
  await other.kill()
  await eventually('the bus is away', async () => !(await busIsOk(notes)))
  expect((await write(notes, 'eve')).status).toBe(201)
  expect(await ask(`${notes.url}/health/ready`)).toMatchObject({ status: 200 })
  // What waits in its own tables it tells all the same, and nothing that it does not know.
  await eventually('the outbox is told', async () => {
    const { text } = await ask(`${notes.url}/metrics`)
    expect(text).not.toMatch(/^bus_backlog_messages\{/m)
    expect(text).toMatch(/^inbox_waiting_messages\{[^}]*\} 0/m)
    return (
      /^outbox_messages\{[^}]*\} [1-9]/m.test(text) &&
      /^outbox_oldest_seconds\{[^}]*\} (?!0$)/m.test(text)
    )
  })
  await other.start()
  await eventually('it was tallied', async () => (await tally(notes, 'eve')) === 2)
  await notes.stop()
  await other.stop()
})

async function busIsOk(notes: Notes): Promise<boolean> {
  const { body } = await ask(`${notes.url}/health/ready`)
  const { checks } = body as { checks: { name: string; ok: boolean }[] }
  return checks.find(({ name }) => name === 'bus')!.ok
}
