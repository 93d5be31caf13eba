import type { CallError } from '@banyan/service'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readSettings } from '../monolith/settings.ts'
import { QUOTA_BYTES, startFileServices } from '../testing/file-services.ts'
import { type System, send, startSystem } from '../testing/monolith.ts'
import { eventually } from '../testing/processes.ts'
import { type Relay, startRelay } from '../testing/relay.ts'

let services: Awaited<ReturnType<typeof startFileServices>>
let relays: Record<'storage' | 'processing', Relay>
let system: System
beforeAll(async () => {
  services = await startFileServices()
  const { monolithEnv } = services
  relays = {
    storage: await startRelay(monolithEnv.STORAGE_URL),
    processing: await startRelay(monolithEnv.PROCESSING_URL),
  }
  system = await startSystem({
    ...monolithEnv,
    STORAGE_URL: relays.storage.url,
    PROCESSING_URL: relays.processing.url,
    // As long as a busy machine needs.
    PROCESSING_WAIT_MS: '60000',
  })
})
afterAll(async () => {
  await system?.stop()
  await Promise.all(Object.values(relays ?? {}).map((relay) => relay.close()))
  await services?.stop()
})
beforeEach(() => {
  for (const relay of Object.values(relays)) relay.behave('passes')
})

const as = async (user: string, method: string, path: string, body?: unknown) =>
  send(
    `${system.monolith.url}/api${path}`,
    method,
    { authorization: `Bearer ${await system.token(user)}` },
    body,
  )
const newMoc = async (user: string) =>
  (await as(user, 'POST', '/mocs', { title: 'Harbour crane' })).body.id as string
const upload = (
  user: string,
  moc: string,
  what: 'files' | 'parts-lists',
  name: string,
  content: string,
) => {
  const form = new FormData()
  form.set('file', new Blob([content], { type: 'text/plain' }), name)
  return as(user, 'POST', `/mocs/${moc}/${what}`, form)
}
const filesOf = async (moc: string) =>
  (await as('anyone', 'GET', `/mocs/${moc}/files`)).body.files as { id: string }[]
const atStorage = (id: string) =>
  services.files.getFile({ params: { id } }).catch(({ answer }: CallError) => answer?.status)

/** A number of `/metrics`; 0 for one that is not there yet. */
async function metric(name: string): Promise<number> {
  const { text } = await send(`${system.monolith.url}/metrics`, 'GET', {})
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const XML =
  '<INVENTORY><ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>3001</ITEMID><COLOR>5</COLOR><MINQTY>1,752</MINQTY><QTYFILLED>2</QTYFILLED></ITEM>\n<ITEM><ITEMID>3002</ITEMID><MINQTY>-1</MINQTY></ITEM></INVENTORY>'
const CSV = 'Part,Color,Quantity,Is Spare\n3001,4,10,False\n3001,4,2,False\n3002,-1,1,True\n'

describe('with Storage and Processing set, the monolith', () => {
  it.each([
    ['wanted.xml', XML, 'bricklink-xml', [['3001', 5, 1750, false]]],
    [
      'set.csv',
      CSV,
      'rebrickable-csv',
      [
        ['3001', 4, 12, false],
        ['3002', -1, 1, true],
      ],
    ],
    [
      // A format of which it knows nothing itself.
      'set.bsx',
      '<BrickStoreXML><Inventory><Item><ItemID>3001</ItemID><ItemTypeID>P</ItemTypeID><ColorID>5</ColorID><Qty>7</Qty></Item></Inventory></BrickStoreXML>',
      'bricklink-xml',
      [['3001', 5, 7, false]],
    ],
  ])('has %s read by Processing', async (name, content, format, parts) => {
    const moc = await newMoc('reader')
    const before = await metric('lego_parts_lists_read_total{by="processing",why="asked"}')
    const answer = await upload('reader', moc, 'parts-lists', name, content)
    expect(answer).toMatchObject({ status: 201, body: { format } })
    const named = parts.map(([part, color, quantity, spare]) => ({ part, color, quantity, spare }))
    expect(answer.body.parts).toEqual(named)
    expect(answer.body.rejected).toEqual(
      name === 'wanted.xml' ? [{ at: 2, reason: expect.stringContaining('"-1"') }] : [],
    )
    const after = await metric('lego_parts_lists_read_total{by="processing",why="asked"}')
    expect(after).toBe(before + 1)
  })

  it('keeps a file in both places under one id, and takes it out of both', async () => {
    const moc = await newMoc('keeper')
    const { status, body } = await upload('keeper', moc, 'files', 'a/b: “plan”.txt', 'step 1')
    expect(status).toBe(201)
    expect(await atStorage(body.id)).toMatchObject({ ownerId: 'keeper', prefix: 'mocs', size: 6 })
    expect((await as('keeper', 'GET', `/mocs/${moc}/files/${body.id}`)).text).toBe('step 1')
    await as('keeper', 'DELETE', `/mocs/${moc}/files/${body.id}`)
    expect(await atStorage(body.id)).toBe(404)
    await upload('keeper', moc, 'files', 'again.txt', 'step 1')
    const [left] = await filesOf(moc)
    await as('keeper', 'DELETE', `/mocs/${moc}`)
    expect(await atStorage(left!.id)).toBe(404)
  })

  it('refuses what Storage refuses, with its reason, and keeps nothing of it', async () => {
    const moc = await newMoc('hoarder')
    const answer = await upload('hoarder', moc, 'files', 'big.txt', 'x'.repeat(QUOTA_BYTES + 1))
    expect(answer).toMatchObject({ status: 413, body: { error: { code: 'QUOTA_EXCEEDED' } } })
    expect(answer.body.error.message).toContain(`${QUOTA_BYTES + 1} bytes are needed`)
    expect(await filesOf(moc)).toEqual([])
  })

  it('stores nothing for a MOC that is somebody else’s, or not there', async () => {
    const moc = await newMoc('owner')
    expect((await upload('thief', moc, 'files', 'a.txt', 'a')).status).toBe(403)
    const none = '00000000-0000-4000-8000-000000000000'
    expect((await upload('thief', none, 'files', 'a.txt', 'a')).status).toBe(404)
    const { usedBytes } = await services.files.usage({ params: { ownerId: 'thief' } })
    expect(usedBytes).toBe(0)
  })

  it('says why a list cannot be read, as Processing does, and does not try by itself', async () => {
    const moc = await newMoc('attacker')
    const bomb = '<!DOCTYPE a [<!ENTITY b "c">]><INVENTORY></INVENTORY>'
    const answer = await upload('attacker', moc, 'parts-lists', 'bomb.xml', bomb)
    expect(answer).toMatchObject({
      status: 422,
      body: { error: { code: 'UNREADABLE_PARTS_LIST' } },
    })
    expect(await filesOf(moc)).toEqual([])
  })

  it('reads by itself a list in a format that Processing lacks, and counts it', async () => {
    relays.processing.behave((path) => {
      if (!path.includes('/jobs/')) return null
      const failure = { code: 'UNSUPPORTED_FORMAT', message: 'not one of mine', line: null }
      return { status: 200, body: { jobId: 'x', state: 'failed', failure } }
    })
    const name = 'lego_parts_lists_read_total{by="monolith",why="unsupported"}'
    const before = await metric(name)
    const moc = await newMoc('exotic')
    const answer = await upload('exotic', moc, 'parts-lists', 'set.csv', CSV)
    expect(answer).toMatchObject({ status: 201, body: { pieceCount: 13, lotCount: 2 } })
    expect(await metric(name)).toBe(before + 1)
    const unknown = await upload('exotic', moc, 'parts-lists', 'set.zip', 'PK')
    expect(unknown).toMatchObject({ status: 415, body: { error: { code: 'UNKNOWN_FORMAT' } } })
  })

  it('goes on without them while they are away, loses nothing, and uses them when they are back', async () => {
    for (const relay of Object.values(relays)) relay.behave('drops')
    const moc = await newMoc('patient')
    const list = await upload('patient', moc, 'parts-lists', 'set.csv', CSV)
    expect(list).toMatchObject({ status: 201, body: { pieceCount: 13 } })
    const file = await upload('patient', moc, 'files', 'a.txt', 'kept')
    expect(file.status).toBe(201)
    expect((await as('patient', 'GET', `/mocs/${moc}/files/${file.body.id}`)).text).toBe('kept')
    expect(await atStorage(file.body.id)).toBe(404)
    expect(
      await metric('lego_files_stored_total{in="monolith",why="away"}'),
    ).toBeGreaterThanOrEqual(2)
    expect(
      await metric('lego_parts_lists_read_total{by="monolith",why="away"}'),
    ).toBeGreaterThanOrEqual(1)
    for (const relay of Object.values(relays)) relay.behave('passes')
    await eventually('a file is at Storage again', async () => {
      const { body } = await upload('patient', moc, 'files', 'b.txt', 'b')
      return typeof (await atStorage(body.id)) === 'object'
    })
  })

  it('tells which share of all lists Processing has read', async () => {
    const { text } = await send(`${system.monolith.url}/metrics`, 'GET', {})
    const reads = [...text.matchAll(/^lego_parts_lists_read_total\{by="(\w+)".*\} (\d+)$/gm)]
    const sum = (of: RegExpExecArray[]) => of.reduce((all, one) => all + Number(one[2]), 0)
    const byService = sum(reads.filter(([, by]) => by === 'processing'))
    expect(byService).toBeGreaterThan(0)
    const share = await metric('lego_parts_lists_processing_share')
    expect(share).toBeCloseTo(byService / sum(reads))
  })
})

it('a monolith that is to call services needs a key to say who it is', () => {
  const env = {
    DATABASE_URL: 'postgres://localhost/lego',
    JWKS_URL: 'http://localhost/keys',
    STORAGE_URL: 'http://localhost:9800',
  }
  expect(() => readSettings(env)).toThrow(
    'SERVICE_KEY: must be set where STORAGE_URL or PROCESSING_URL is',
  )
})
