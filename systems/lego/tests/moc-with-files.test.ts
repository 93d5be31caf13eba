import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { IDENTITY_HEADERS, signIdentity } from '@banyan/contracts'
import { rehearse } from '@banyan/durable'
import { defineService, startService } from '@banyan/service'
import { ask, eventually, IDENTITY_KEY } from '@banyan/service/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { getCreation, stage } from '../services/moc/creation/creations.ts'
import { createMocWithFiles } from '../services/moc/creation/saga.ts'
import { mocEvents } from '../services/moc/events.ts'
import type { Creation } from '../services/moc/messages.ts'
import moc from '../services/moc/service.ts'
import { QUOTA_BYTES, startFileServices } from '../testing/file-services.ts'

const LIST = 'Part,Color,Quantity\n3001,4,2\n3002,0,5\n'
const WANTED = {
  ...{ title: 'Castle', description: null, author: null, theme: null, tags: [] },
  ...{ thumbnailUrl: null, galleryImageIds: [], galleryAlbumIds: [] },
}

async function formOf(files: readonly [kind: string, content: string][]) {
  const form = new FormData()
  form.set('metadata', JSON.stringify({ title: 'Castle' }))
  for (const [kind, content] of files) form.append(kind, new Blob([content]), `${kind} é.txt`)
  const encoded = new Response(form)
  const type = { 'content-type': encoded.headers.get('content-type')! }
  const body = await encoded.text()
  return { body, headers: { ...type, 'content-length': String(Buffer.byteLength(body)) } }
}

type Heard = { type: string; payload: { mocId: string } & Record<string, unknown> }
const heard: Heard[] = []
const listener = defineService({
  name: 'listener',
  port: 0,
  title: 'Listener',
  database: { tables: {}, migrations: new URL('no-migrations', import.meta.url) },
  routes: {},
  reactions: (hear) =>
    hear({
      name: 'all',
      events: mocEvents,
      async handler({ type, payload }) {
        heard.push({ type, payload })
      },
    }),
})
const said = (mocId: string) =>
  heard.filter(({ payload }) => payload.mocId === mocId).map(({ type }) => type)

describe('a MOC created with its files', () => {
  let all: Awaited<ReturnType<typeof startFileServices>>
  let service: Awaited<ReturnType<typeof startMoc>>
  let ear: { url: string; stop(): Promise<void> }
  const startMoc = (env: Record<string, string>) => startService(moc, { env })
  beforeAll(async () => {
    all = await startFileServices()
    const DATABASE_URL = await all.server.createDatabase('listener')
    ear = await startService(listener, { env: { ...all.mocEnv, DATABASE_URL } })
    service = await startMoc(all.mocEnv)
    await eventually('all hear', async () => {
      const answers = await Promise.all(
        [ear.url, service.url].map((url) => ask(`${url}/health/ready`)),
      )
      const checks = answers.flatMap(({ body }) => (body as { checks: Check[] }).checks)
      return checks.every(({ name, ok }) => ok || name === 'gallery')
    })
  })
  afterAll(async () => {
    await service?.stop()
    await ear?.stop()
    await all?.stop()
  })
  type Check = { name: string; ok: boolean }

  const upload = async (
    user: string,
    files: readonly [kind: string, content: string][],
    headers: Record<string, string> = {},
    base = service.url,
  ) => {
    const form = await formOf(files)
    const answer = await ask(`${base}/v1/mocs/with-files`, {
      ...{ user, method: 'POST', body: form.body },
      headers: { ...form.headers, ...headers },
    })
    return { ...answer, creation: answer.body as Creation }
  }
  const get = async <T>(user: string, path: string) => {
    const answer = await ask(`${service.url}/v1/mocs/${path}`, { user })
    return { ...answer, body: answer.body as T }
  }
  const codeOf = ({ body }: { body: unknown }) => (body as { error: { code: string } }).error.code
  const isStored = (id: string) =>
    all.files.getFile({ params: { id } }).then(
      () => true,
      () => false,
    )
  const waiting = async () =>
    (await service.context.pool.query('SELECT FROM moc.staged_files')).rowCount

  it('is there with its files, and has its pieces when its parts list is read', async () => {
    const { status, creation, headers } = await upload('ada', [
      ['instruction', 'step 1'],
      ['parts-list', LIST],
    ])
    expect({ status, creation }).toMatchObject({
      status: 201,
      creation: { status: 'created', problem: null, moc: { title: 'Castle', userId: 'ada' } },
    })
    const { mocId, files } = creation
    expect(headers.get('location')).toBe(mocId)
    expect(files.map(({ kind, fileName }) => [kind, fileName])).toEqual([
      ['instruction', 'instruction é.txt'],
      ['parts-list', 'parts-list é.txt'],
    ])
    const read = await eventually('the list is read', async () => {
      const { body } = await get<Creation>('ada', `${mocId}/creation`)
      return body.files.find((file) => file.reading === 'read') && body
    })
    expect(read.moc?.totalPieceCount).toBe(7)
    const list = read.files.find(({ kind }) => kind === 'parts-list')!
    const { body } = await get('ada', `${mocId}/parts-lists/${list.partsListId}`)
    expect(body).toMatchObject({
      format: 'rebrickable-csv',
      parts: [
        { part: '3001', color: 4, quantity: 2, spare: false },
        { part: '3002', color: 0, quantity: 5, spare: false },
      ],
    })
    await eventually('it is said', () => said(mocId).length === 2)
    expect(said(mocId).sort()).toEqual(['moc.created', 'parts-list.updated'])
    expect(await waiting()).toBe(0)
    // Its instructions count, though Storage has them.
    const complete = { user: 'ada', method: 'PATCH', body: { status: 'complete' } }
    expect((await ask(`${service.url}/v1/mocs/${mocId}`, complete)).status).toBe(200)
    const stored = await get<{ files: object[] }>('eve', `${mocId}/stored-files`)
    expect(stored.body.files).toHaveLength(2)
    const path = `${mocId}/stored-files/${files[0]!.id}/download-url`
    expect((await get<{ url: string }>('eve', path)).body.url).toContain('signature')
    expect((await get('eve', `${mocId}/creation`)).status).toBe(404)

    await ask(`${service.url}/v1/mocs/${mocId}`, { user: 'ada', method: 'DELETE' })
    for (const { id } of files) {
      await eventually('Storage has it no more', async () => !(await isStored(id)))
    }
  })

  describe('plays its steps', () => {
    const play = async (refuse: Record<string, string>, user = 'bob') => {
      const { context } = service
      const mocId = crypto.randomUUID()
      const uploads = [
        {
          kind: 'instruction' as const,
          name: 'a',
          mimeType: 'text/plain',
          content: Buffer.from('a'),
        },
        {
          kind: 'parts-list' as const,
          name: 'b.csv',
          mimeType: 'text/csv',
          content: Buffer.from(LIST),
        },
      ]
      const fileIds = await context.transaction((tx) =>
        stage(tx, { mocId, ownerId: user, wanted: WANTED }, uploads),
      )
      const { script } = await rehearse(createMocWithFiles(context), { mocId, fileIds }, { refuse })
      const { creation } = await getCreation(context.db, user, mocId)
      const stored = await Promise.all(fileIds.map(isStored))
      return { script, creation, stored, mocId, there: creation.moc !== null }
    }
    const gone = { there: false, stored: [false, false], creation: { status: 'failed' } }

    it('one after the other', async () => {
      const played = await play({})
      expect(played.script).toEqual([
        'moc',
        'upload',
        'files',
        'processing',
        'created',
        'completed',
      ])
      expect(played).toMatchObject({ stored: [true, true], creation: { status: 'created' } })
    })

    it('and leaves nothing where the MOC is refused', async () => {
      const played = await play({ moc: 'no' })
      expect(played.script).toEqual(['moc failed: no', 'undo moc', 'compensated'])
      expect(played).toMatchObject(gone)
    })

    it('and takes the MOC away where its files cannot be stored', async () => {
      const played = await play({ upload: 'no' })
      expect(played.script).toEqual([
        'moc',
        'upload failed: no',
        'undo upload',
        'undo moc',
        'compensated',
      ])
      expect(played).toMatchObject(gone)
    })

    it('and takes the files away too where they cannot be recorded', async () => {
      const played = await play({ files: 'no' })
      expect(played.script).toEqual([
        ...['moc', 'upload', 'files failed: no'],
        ...['undo files', 'undo upload', 'undo moc', 'compensated'],
      ])
      expect(played).toMatchObject(gone)
    })

    it.each(['processing', 'created'])(
      'and lets the MOC stand as incomplete where "%s" fails',
      async (step) => {
        const { script, mocId, ...played } = await play({ [step]: 'no' })
        expect(script.at(-1)).toBe('compensated')
        expect(played).toMatchObject({
          there: true,
          stored: [true, true],
          creation: {
            status: 'incomplete',
            files: [{ kind: 'instruction' }, { kind: 'parts-list' }],
          },
        })
        await eventually('it is said', () => said(mocId).includes('moc.incomplete'))
        expect(said(mocId)).toContain('moc.created')
      },
    )
  })

  it('is refused where Storage refuses a file, with what that says, and leaves nothing', async () => {
    const answer = await upload('cleo', [['instruction', 'x'.repeat(QUOTA_BYTES + 1)]])
    expect([answer.status, codeOf(answer)]).toEqual([422, 'CREATION_REFUSED'])
    expect(answer.text).toContain(String(QUOTA_BYTES + 1))
    expect((await get<{ mocs: object[] }>('cleo', '?mine=true')).body.mocs).toEqual([])
    expect(await all.files.usage({ params: { ownerId: 'cleo' } })).toMatchObject({ usedBytes: 0 })
  })

  it('stands as incomplete where Processing refuses its parts list, and its owner sees why', async () => {
    const { status, creation } = await upload('dora', [['parts-list', '']])
    expect({ status, creation }).toMatchObject({
      status: 201,
      creation: { status: 'incomplete', problem: { code: 'EMPTY_CONTENT' } },
    })
    expect(await isStored(creation.files[0]!.id)).toBe(true)
    const mine = await get('dora', `${creation.mocId}/creation`)
    expect(mine.body).toEqual(creation)
  })

  it('says why a parts list cannot be read', async () => {
    const { creation } = await upload('emil', [['parts-list', 'no list at all']])
    const { files } = await eventually('it is tried', async () => {
      const { body } = await get<Creation>('emil', `${creation.mocId}/creation`)
      return body.files[0]?.reading === 'unreadable' && body
    })
    expect(files[0]!.problem).toMatch(/\w/)
  })

  it('is created once for an Idempotency-Key, which another file does not fit', async () => {
    const key = { 'idempotency-key': 'k-1', prefer: 'respond-async' }
    const first = await upload('fay', [['instruction', 'a']], key)
    expect([first.status, first.headers.get('location')]).toEqual([
      202,
      `${first.creation.mocId}/creation`,
    ])
    expect(first.headers.get('retry-after')).toMatch(/^[1-5]$/)
    const later = await eventually('it is created', async () => {
      const again = await upload('fay', [['instruction', 'a']], key)
      return again.status === 201 && again
    })
    expect(later.creation.mocId).toBe(first.creation.mocId)
    expect(later.headers.get('retry-after')).toBeNull()
    const other = await upload('fay', [['instruction', 'b']], key)
    expect([other.status, codeOf(other)]).toEqual([422, 'KEY_REUSED'])
  })

  it('comes over a slow line too, and keeps the forms of others waiting for no longer than a turn', async () => {
    const { body, headers } = await formOf([['instruction', 'a'.repeat(1_000)]])
    const identity = signIdentity({ userId: 'ina', email: null, roles: [] }, IDENTITY_KEY)
    const slow = request(`${service.url}/v1/mocs/with-files`, {
      method: 'POST',
      headers: { ...headers, expect: '100-continue', [IDENTITY_HEADERS.signed]: identity },
    })
    const answered = once(slow, 'response') as Promise<[IncomingMessage]>
    slow.flushHeaders()
    // The service has taken it up before the other one is sent: it has its turn first.
    await once(slow, 'continue')
    slow.write(body.slice(0, 500))
    expect((await upload('jon', [['instruction', 'b']])).status).toBe(201)
    slow.end(body.slice(500))
    const [answer] = await answered
    expect(answer.statusCode).toBe(201)
    expect(JSON.parse(await text(answer))).toMatchObject({ status: 'created' })
  })

  it('is not begun where what was sent is no MOC, no file, or too much', async () => {
    const code = async (...given: Parameters<typeof upload>) => codeOf(await upload(...given))
    expect(await code('gus', [])).toBe('NO_FILE')
    expect(await code('gus', [['secret', 'a']])).toBe('UNKNOWN_KIND')
    const many = Array.from({ length: 11 }, (): [string, string] => ['other', 'a'])
    expect(await code('gus', many)).toBe('LIMIT_FILE_COUNT')
    expect(await code('gus', [['parts-list', 'a'.repeat(5 * 1024 ** 2)]])).toBe(
      'PARTS_LIST_TOO_LARGE',
    )
    expect(await waiting()).toBe(0)
    const { body } = await ask(`${service.url}/openapi.json`)
    const { paths } = body as { paths: Record<string, { post?: { requestBody: object } }> }
    const form = JSON.stringify(paths['/v1/mocs/with-files']?.post?.requestBody)
    expect(form).toMatch(/multipart\/form-data.*metadata/)
  })

  it('is not offered where Storage and Processing are not set; all else is', async () => {
    const { STORAGE_URL: _, PROCESSING_URL: __, ...env } = all.mocEnv
    const alone = await startMoc({ ...env, DATABASE_URL: await all.server.createDatabase('alone') })
    const answer = await upload('hal', [['instruction', 'a']], {}, alone.url)
    expect([answer.status, codeOf(answer)]).toEqual([503, 'FILES_NOT_SET_UP'])
    const body = { title: 'A' }
    expect((await ask(`${alone.url}/v1/mocs`, { user: 'hal', body })).status).toBe(201)
    await alone.stop()
  })
})
