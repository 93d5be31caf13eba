import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { checkRecorded, EventRegistry } from '@banyan/bus'
import { createPool } from '@banyan/postgres'
import { createClient, newServiceKey, ServiceTokens, SigningKey } from '@banyan/service'
import { ask, asUser, eventually, IDENTITY_KEY, startForTest } from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startProcess } from '../../testing/processes.ts'
import { importCatalogue } from './catalogue/import.ts'
import { processingApi, processingForServices } from './client.ts'
import {
  FileProcessingCompleted,
  FileProcessingFailed,
  FileProcessingStarted,
  processingEvents,
} from './events.ts'
import type { ProcessingConfig } from './jobs/store.ts'
import type * as tables from './schema.ts'
import definition from './service.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const base64 = (text: string) => Buffer.from(text).toString('base64')
const LIST = 'Part,Color,Quantity\n3001,4,2\n3957,4,1\n3001,4,-1\n'

/** What the storage answers, by path; a function keeps the answer open. */
const files = new Map<string, string | (() => Promise<string>)>()
const storage = createServer(async (request, response) => {
  const file = files.get(new URL(request.url!, 'http://x').pathname)
  if (file === undefined) response.writeHead(404).end()
  else response.end(typeof file === 'string' ? file : await file())
})

describe('the File Processing Service', () => {
  let service: Awaited<ReturnType<typeof startForTest<ProcessingConfig, typeof tables>>>
  let origin: string
  let moc: Awaited<ReturnType<typeof newServiceKey>>
  beforeAll(async () => {
    await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`
    moc = await newServiceKey('moc')
    service = await startForTest(definition, {
      FILE_ORIGINS: `${origin},http://s3.local`,
      BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [moc.publicJwk] }),
    })
    await importCatalogue(service.context.pool, {
      dumps: path('fixtures/catalogue'),
      colours: [path('fixtures/colours.json')],
      partIds: [path('fixtures/part-ids.json')],
    })
  })
  afterAll(async () => {
    await service.stop()
    storage.close()
  })

  const api = () => service.client(processingApi)
  const ended = (jobId: string, user = 'ada') =>
    eventually('the job has ended', async () => {
      const job = await api().getJob({ params: { jobId } }, asUser(user))
      return job.endedAt !== null && job
    })

  it('reads a list in the background, and says what it holds and what it does not know', async () => {
    const started = await service.hear(FileProcessingStarted)
    const completed = await service.hear(FileProcessingCompleted)
    const body = { content: base64(LIST), fileName: 'list.csv', reference: 'moc 7' }
    const { jobId, state } = await api().processFile({ body }, asUser('ada'))
    expect(state).toBe('queued')
    const job = await ended(jobId)
    expect(job).toMatchObject({
      state: 'completed',
      format: 'rebrickable-csv',
      reference: 'moc 7',
      progress: { bytesRead: LIST.length, bytesTotal: LIST.length, linesRead: 2 },
      totals: { lots: 2, pieces: 3, problems: 1, unresolvedLots: 1, unresolvedPieces: 1 },
    })
    const lots = await api().listLots({ params: { jobId }, query: { limit: 1 } }, asUser('ada'))
    expect(lots).toMatchObject({ lots: [{ part: '3001', partColour: 4, quantity: 2 }], next: 0 })
    const query = { unresolved: 'true' } as const
    const unresolved = await api().listLots({ params: { jobId }, query }, asUser('ada'))
    expect(unresolved.lots).toMatchObject([
      { line: 3, unresolved: 'UNKNOWN_PART', suggestions: [{ id: '3957a' }, { id: '3957b' }] },
    ])
    const { problems } = await api().listProblems({ params: { jobId } }, asUser('ada'))
    expect(problems).toMatchObject([{ line: 4, code: 'BAD_QUANTITY' }])
    await eventually('it is said', () => started.length > 0 && completed.length > 0)
    expect(started[0]!.payload).toMatchObject({ jobId, ownerId: 'ada', reference: 'moc 7' })
    expect(completed[0]!.payload.parsedData).toMatchObject({
      totals: { pieces: 3 },
      lots: [{ part: '3001' }, { part: null }],
      lotsPath: `/v1/jobs/${jobId}/lots`,
    })
    const { rows } = await service.context.pool.query('SELECT FROM processing.job_inputs')
    expect(rows).toEqual([])
  })

  it('takes forms too, and an Idempotency-Key', async () => {
    const form = new FormData()
    form.set('file', new File(['a;b\n3001;2\n'], 'own.csv'))
    form.set('columns', JSON.stringify({ part: 'a', quantity: 'b' }))
    const encoded = new Response(form)
    const asking = {
      user: 'ada',
      method: 'POST',
      body: await encoded.text(),
      headers: { 'content-type': encoded.headers.get('content-type')!, 'idempotency-key': 'k1' },
    }
    const first = await ask(`${service.url}/v1/process-file`, asking)
    const second = await ask(`${service.url}/v1/process-file`, asking)
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.text).toBe(first.text)
    const job = await ended((first.body as { jobId: string }).jobId)
    expect(job).toMatchObject({ fileName: 'own.csv', format: 'custom-csv', totals: { pieces: 2 } })
    const bad = { ...asking, body: 'x', headers: { 'content-type': 'multipart/form-data' } }
    expect((await ask(`${service.url}/v1/process-file`, bad)).status).toBe(400)
  })

  it('says why a file is refused, and in which line', async () => {
    const failed = await service.hear(FileProcessingFailed)
    const body = { content: base64('<INVENTORY>\n<ITEM>\n&xxe;</ITEM></INVENTORY>') }
    const { jobId } = await api().processFile({ body }, asUser('ada'))
    expect(await ended(jobId)).toMatchObject({
      state: 'failed',
      failure: { code: 'BAD_XML', line: 3 },
    })
    await eventually('it is said', () => failed.length > 0)
    expect(failed[0]!.payload.error.code).toBe('BAD_XML')
    const odd = await api().processFile({ body: { content: base64('hello') } }, asUser('ada'))
    expect((await ended(odd.jobId)).failure?.code).toBe('UNSUPPORTED_FORMAT')
  })

  it('fetches a stored file, and tells nobody the signature of its address', async () => {
    const completed = await service.hear(FileProcessingCompleted)
    files.set('/list.csv', LIST)
    const fileUrl = `${origin}/list.csv?signature=secret`
    const { jobId } = await api().processFile({ body: { fileUrl } }, asUser('ada'))
    expect(await ended(jobId)).toMatchObject({
      state: 'completed',
      fileUrl: `${origin}/list.csv`,
      progress: { bytesRead: LIST.length, bytesTotal: null },
    })
    await eventually('it is said', () => completed.length > 0)
    expect(JSON.stringify(completed)).not.toContain('secret')
  })

  it('fetches from no other address', async () => {
    const answer = await ask(`${service.url}/v1/process-file`, {
      user: 'ada',
      body: { fileUrl: 'http://169.254.169.254/latest' },
    })
    expect(answer).toMatchObject({ status: 422, body: { code: 'FILE_URL_NOT_ALLOWED' } })
    for (const body of [{}, { fileUrl: origin, content: 'eA==' }]) {
      expect((await ask(`${service.url}/v1/process-file`, { user: 'ada', body })).status).toBe(400)
    }
  })

  it('gives up on a file that cannot be fetched three times', async () => {
    const body = { fileUrl: `${origin}/none` }
    const { jobId } = await api().processFile({ body }, asUser('ada'))
    const pool = service.context.pool
    const job = await eventually('it has failed', async () => {
      // Its pauses are not waited for.
      await pool.query(
        `UPDATE processing.jobs SET leased_until = '-infinity' WHERE state = 'queued'`,
      )
      const now = await api().getJob({ params: { jobId } }, asUser('ada'))
      return now.endedAt !== null && now
    })
    expect(job.failure).toMatchObject({ code: 'FILE_UNREACHABLE' })
    const { rows } = await pool.query('SELECT attempts FROM processing.jobs WHERE id = $1', [jobId])
    expect(rows).toEqual([{ attempts: 3 }])
  })

  it('ends a job that is cancelled while it runs, and writes nothing of it', async () => {
    let answer = (_text: string) => {}
    const asked = new Promise<void>((resolve) => {
      files.set('/slow.csv', () => {
        resolve()
        return new Promise((later) => {
          answer = later
        })
      })
    })
    const body = { fileUrl: `${origin}/slow.csv` }
    const { jobId } = await api().processFile({ body }, asUser('ada'))
    await asked
    const params = { jobId }
    const askedAgainIn = async () => {
      const { headers } = await ask(`${service.url}/v1/jobs/${jobId}`, { user: 'ada' })
      return headers.get('retry-after')
    }
    expect(await askedAgainIn()).toMatch(/^[1-5]$/)
    expect(await api().cancelJob({ params }, asUser('ada'))).toMatchObject({
      state: 'cancelled',
      failure: { code: 'CANCELLED' },
    })
    expect(await askedAgainIn()).toBeNull()
    answer(LIST)
    await eventually('nobody works on it', async () => {
      const { text } = await ask(`${service.url}/metrics`)
      return /processing_jobs_running(\{[^}]*\})? 0/.test(text)
    })
    expect(await api().getJob({ params }, asUser('ada'))).toMatchObject({ state: 'cancelled' })
    expect((await api().listLots({ params }, asUser('ada'))).lots).toEqual([])
    await expect(api().cancelJob({ params }, asUser('ada'))).rejects.toMatchObject({
      answer: { status: 409, code: 'JOB_ENDED' },
    })
  })

  it('says that it has no prices, and what it would need', async () => {
    const { jobId } = await api().processFile({ body: { content: base64(LIST) } }, asUser('ada'))
    await ended(jobId)
    expect(await ask(`${service.url}/v1/jobs/${jobId}/estimate`, { user: 'ada' })).toMatchObject({
      status: 404,
      body: { code: 'NO_PRICES', detail: expect.stringContaining('BRICKLINK_CONSUMER_KEY') },
    })
  })

  it('shows a job to its owner alone', async () => {
    const { jobId } = await api().processFile({ body: { content: base64(LIST) } }, asUser('ada'))
    for (const route of [
      'getJob',
      'cancelJob',
      'listLots',
      'listProblems',
      'getEstimate',
    ] as const) {
      await expect(api()[route]({ params: { jobId } }, asUser('eve'))).rejects.toMatchObject({
        answer: { status: 404 },
      })
    }
    const internal = await ask(`${service.url}/internal/v1/jobs/${jobId}`, { user: 'ada' })
    expect(internal.status).toBe(401)
  })

  it('reads for any user when a service asks that may', async () => {
    const key = new SigningKey(JSON.stringify(moc.privateJwk))
    const tokens = new ServiceTokens({ name: 'moc', issuer: 'banyan', key })
    const client = createClient(processingForServices, { baseUrl: service.url, tokens })
    const body = { ownerId: 'cy', content: base64(LIST), reference: 'moc 8' }
    const idempotencyKey = 'saga-8'
    const { jobId } = await client.processFile({ body }, { idempotencyKey })
    expect((await client.processFile({ body }, { idempotencyKey })).jobId).toBe(jobId)
    await ended(jobId, 'cy')
    expect(await client.getJob({ params: { jobId } })).toMatchObject({ reference: 'moc 8' })
    expect((await client.listLots({ params: { jobId } })).lots).toHaveLength(2)
    await client.close()
  })

  it('does 30 jobs that come at once, each once', async () => {
    const completed = await service.hear(FileProcessingCompleted)
    const jobs = await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const body = { content: base64(LIST), reference: `${n}` }
        const answer = await ask(`${service.url}/v1/process-file`, { user: 'bob', body })
        return (answer.body as { jobId: string }).jobId
      }),
    )
    for (const jobId of jobs) expect((await ended(jobId, 'bob')).state).toBe('completed')
    await eventually('all are said', () => completed.length >= 30)
    const said = completed.filter(({ payload }) => payload.ownerId === 'bob')
    expect(new Set(said.map(({ payload }) => payload.reference)).size).toBe(30)
  })

  it('does a job whose process was killed under it, and gives up on one that kills each time', async () => {
    const env = {
      DATABASE_URL: await service.server.createDatabase('killed'),
      BUS_URL: await service.server.createDatabase('killed_bus'),
      BANYAN_IDENTITY_KEY: IDENTITY_KEY,
      BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [moc.publicJwk] }),
      FILE_ORIGINS: origin,
    }
    const asked = new Promise<void>((resolve) => {
      files.set('/killer.csv', () => {
        resolve()
        return new Promise(() => {})
      })
    })
    let child = await startProcess('services/processing/main.ts', env)
    const post = (body: object) =>
      ask(`${child.url}/v1/process-file`, { user: 'ada', body }).then(({ body: begun }) => begun)
    const { jobId } = (await post({ fileUrl: `${origin}/killer.csv` })) as { jobId: string }
    await asked
    await child.end('SIGKILL')
    files.set('/killer.csv', LIST)
    const pool = createPool(env.DATABASE_URL, { name: 'test', max: 1 })
    // Its lease is not waited for.
    const expire = `UPDATE processing.jobs SET leased_until = '-infinity'`
    await pool.query(expire)
    child = await startProcess('services/processing/main.ts', env)
    const look = async () => {
      const { body } = await ask(`${child.url}/v1/jobs/${jobId}`, { user: 'ada' })
      const job = body as { endedAt: string | null }
      return job.endedAt !== null && job
    }
    expect(await eventually('it is done', look)).toMatchObject({
      state: 'completed',
      totals: { pieces: 3, unresolvedLots: null },
    })
    await pool.query(`${expire}, state = 'running', attempts = 3, ended_at = NULL, totals = NULL`)
    expect(await eventually('it is given up', look)).toMatchObject({
      state: 'failed',
      failure: { code: 'GAVE_UP' },
    })
    await pool.end()
    await child.end()
  })
})

it('what it says is as it was recorded, or compatible', () => {
  expect(checkRecorded(new EventRegistry(processingEvents), path('events'))).toEqual([])
})
