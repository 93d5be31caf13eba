import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { BucketSet, IDENTITY_HEADERS, signIdentity } from '@banyan/contracts'
import { checkHistory, HistoryFile, Load, Random, readHistory } from '@banyan/lab'
import { FolderSide, ObjectRefused, type ObjectSide } from '@banyan/objects'
import { newServiceKey } from '@banyan/service'
import { eventually, IDENTITY_KEY } from '@banyan/service/testing'
import express from 'express'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import plan from '../banyan.config.ts'
import { StorageSide } from '../extractions/storage-side.ts'
import { Filer, fileEntity, sha256 } from '../filer.ts'
import { compareFiles, type FoundFile, filesAtStorage, filesInFolder } from '../kept-files.ts'
import { userFileRoutes } from '../monolith/files/routes.ts'
import { authenticate } from '../monolith/http/auth.ts'
import { answerError } from '../monolith/http/errors.ts'
import { readSettings } from '../monolith/settings.ts'
import { routesLeft } from '../routes-left.ts'
import {
  QUOTA_BYTES,
  type StorageUnderTest,
  startStorage,
} from '../services/storage/testing/storage-under-test.ts'

const MIB = 1024 * 1024

let folder: string
let storage: StorageUnderTest
let engineKey: string
let monolith: { url: string; token(user: string): Promise<string>; close(): void }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'user-files-'))
  const key = await newServiceKey('banyan')
  engineKey = JSON.stringify(key.privateJwk)
  ;[storage, monolith] = await Promise.all([
    startStorage({ callers: [key.publicJwk] }),
    startMonolith(join(folder, 'monolith')),
  ])
})
afterAll(async () => {
  monolith?.close()
  await storage?.stop()
  await rm(folder, { recursive: true })
})

/** Of the monolith: its own files and who asks for them; no database is needed for that. */
async function startMonolith(files: string) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const listen = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const keys = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }))
  })
  const JWKS_URL = await listen(keys)
  const settings = readSettings({ DATABASE_URL: 'postgres://localhost/none', JWKS_URL })
  const app = express()
  app.disable('x-powered-by')
  app.use('/api', authenticate(settings), express.json())
  app.use('/api/files', userFileRoutes(files))
  app.use(answerError)
  const server = createServer(app)
  const url = await listen(server)
  return {
    url,
    token: (user: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setSubject(user)
        .setIssuer(settings.ISSUER)
        .setAudience(settings.AUDIENCE)
        .setExpirationTime('1h')
        .sign(privateKey),
    close: () => {
      for (const one of [server, keys]) {
        one.closeAllConnections()
        one.close()
      }
    },
  }
}

interface Asked {
  readonly method: string
  /** Below `/files`. */
  readonly path: string
  readonly body?: string | Uint8Array
  readonly type?: string | null
}

/** What a side answers, with ids that it made itself told alike. */
async function answered(side: 'monolith' | 'storage', user: string, asked: Asked) {
  const { method, path, body, type = 'application/octet-stream' } = asked
  const who: Record<string, string> =
    side === 'monolith'
      ? { authorization: `Bearer ${await monolith.token(user)}` }
      : {
          [IDENTITY_HEADERS.signed]: signIdentity(
            { userId: user, email: null, roles: ['user'] },
            IDENTITY_KEY,
          ),
        }
  const at = side === 'monolith' ? `${monolith.url}/api` : `${storage.service.url}/v1`
  const response = await fetch(`${at}/files${path}`, {
    method,
    headers: { ...who, ...(body === undefined || type === null ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Buffer.from(body) }),
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json')
  const told = json ? (JSON.parse(text) as Record<string, unknown>) : text
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    disposition: response.headers.get('content-disposition'),
    length: json ? null : response.headers.get('content-length'),
    body: json && 'id' in (told as object) ? { ...(told as object), id: 'its own' } : told,
    id: json ? ((told as { id?: string }).id ?? '') : '',
  }
}

const SIDES = ['monolith', 'storage'] as const

describe('a file that a user keeps', () => {
  it('is taken, given back, given to nobody else and deleted alike by the monolith and by Storage', async () => {
    const content = 'Château “de” la brique\n\0'
    const name = encodeURIComponent('Château "de" la brique.txt')
    const met = await Promise.all(
      SIDES.map(async (side) => {
        const ask = (method: string, path: string, user = 'ann', body?: string) =>
          answered(side, user, { method, path, ...(body === undefined ? {} : { body }) })
        const { id, ...added } = await ask('POST', `?name=${name}`, 'ann', content)
        const path = `/${id}`
        return [
          added,
          await ask('GET', path),
          await ask('GET', path.toUpperCase()),
          await ask('GET', path, 'bob'),
          await ask('DELETE', path, 'bob'),
          await ask('DELETE', path),
          await ask('DELETE', path),
          await ask('GET', path),
        ]
      }),
    )
    expect(met[1]).toEqual(met[0])
    expect(met[0]!.map(({ status }) => status)).toEqual([201, 200, 200, 404, 404, 204, 404, 404])
    expect(met[0]![0]!.body).toMatchObject({ sha256: sha256(content), size: 29 })
    expect(met[0]![1]).toMatchObject({ body: content, type: 'application/octet-stream' })
    expect(met[0]![1]!.disposition).toContain('attachment; filename=')
  })

  it.each<[string, number, Asked]>([
    ['no name', 400, { method: 'POST', path: '', body: 'a' }],
    ['two names', 400, { method: 'POST', path: '?name=a&name=b', body: 'a' }],
    ['a path for a name', 400, { method: 'POST', path: '?name=a%2Fb', body: 'a' }],
    ['a hidden name', 400, { method: 'POST', path: '?name=.a', body: 'a' }],
    ['a long name', 400, { method: 'POST', path: `?name=${'ö'.repeat(101)}`, body: 'a' }],
    ['nothing in it', 400, { method: 'POST', path: '?name=a', body: '' }],
    [
      'JSON for a body',
      415,
      { method: 'POST', path: '?name=a', body: '{}', type: 'application/json' },
    ],
    [
      'a form for a body',
      415,
      { method: 'POST', path: '?name=a', body: 'a=b', type: 'multipart/form-data' },
    ],
    [
      'too much in it',
      413,
      { method: 'POST', path: '?name=a', body: new Uint8Array(10 * MIB + 1) },
    ],
    ['an id that is none', 404, { method: 'GET', path: '/a' }],
    ['an id of nothing', 404, { method: 'GET', path: '/00000000-0000-4000-8000-000000000000' }],
  ])('is refused alike by both: %s', async (_, status, asked) => {
    const [first, second] = await Promise.all(SIDES.map((side) => answered(side, 'ann', asked)))
    expect(second).toEqual(first)
    expect(first!.status).toBe(status)
  })

  it('is what the load expects of it, and another one is told', () => {
    const filer = new Filer({ id: 'ann', tag: 't', token: 'x' }, [])
    const random = new Random(7)
    const upload = filer.next(random)
    const content = upload.body as Buffer
    const id = '00000000-0000-4000-8000-000000000000'
    const { writes } = upload.conclude('acknowledged', { status: 201, body: { id } })
    const kept = { id, sha256: sha256(content), head: content.toString('latin1', 0, 50) }
    const { entity, value } = fileEntity(kept)
    expect(writes).toEqual([{ entity, set: value }])
    let read = filer.next(random)
    while (read.op !== 'read file') read = filer.next(random)
    const seen = (status: number, body: unknown) =>
      read.conclude('acknowledged', { status, body }).reads
    expect(seen(200, content.toString())).toEqual([{ entity, value }])
    expect(seen(200, 'another')).not.toEqual([{ entity, value }])
    expect(seen(404, {})).toEqual([{ entity, value: null }])
  })

  it('is judged by its SHA-256 after a load that keeps, reads and deletes files', async () => {
    const history = new HistoryFile(join(folder, 'history.ndjson'))
    const people = ['eve', 'fay', 'gil', 'hal']
    const clients = people.map(async (id) => {
      return new Filer({ id, tag: 't', token: await monolith.token(id) }, [])
    })
    const load = new Load({
      ...{ urls: [monolith.url], rate: 400, seed: 7, history },
      clients: await Promise.all(clients),
    })
    load.start()
    await eventually('enough is asked', async () => load.counts.acknowledgedWrites >= 60)
    await load.stop()
    await history.close()
    expect(load.counts.failures).toEqual({})
    const final = await filesInFolder(join(folder, 'monolith'), people)
    const verdict = (files: readonly FoundFile[]) =>
      checkHistory({
        initial: [],
        operations: readHistory(join(folder, 'history.ndjson')),
        final: files.map((file) => ({ user: file.user_id, ...fileEntity(file) })),
      })
    expect(await verdict(final)).toMatchObject({ lost: 0, duplicated: 0, stale: 0, findings: [] })
    const [first, second, ...others] = final
    const spoilt = { ...second!, sha256: first!.sha256 }
    expect(await verdict([first!, spoilt, ...others])).toMatchObject({ lost: 1 })
    expect(await verdict([second!, ...others])).toMatchObject({ lost: 1 })
  })
})

describe('the extraction of Storage', () => {
  const side = () => new StorageSide({ url: storage.service.url, key: engineKey })
  const listed = async (of: ObjectSide, after = '') => {
    const found = []
    for await (const one of of.list(after, BucketSet.all)) found.push(one)
    return found
  }
  async function* parts(...texts: (string | Error)[]) {
    for (const one of texts) {
      if (one instanceof Error) throw one
      yield Buffer.from(one)
    }
  }
  const told = { owner: 'a', contentType: 'application/octet-stream', metadata: {} }
  const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`

  it('moves every route of files that the monolith has, and files themselves', () => {
    const storage = plan.extractions.find(({ name }) => name === 'storage')!
    expect(storage.kind).toBe('objects')
    const all = routesLeft([]).filter((route) => route.includes('/api/files'))
    expect(all).toHaveLength(3)
    expect(routesLeft(storage.routes).filter((route) => all.includes(route))).toEqual([])
  })

  it('lists, reads, writes and deletes at Storage through its API, in the order of the keys', async () => {
    const there = side()
    // As they are ordered by their bytes: "a-b/" comes before "a/".
    const keys = [`a-b/${id(1)}/é.txt`, `a/${id(2)}/x y.txt`, `a/${id(3)}/z`, `b/${id(4)}/1`]
    for (const key of [...keys].reverse()) await there.write(key, parts('con', 'tent ', key), told)
    await storage.client.upload({
      query: { ownerId: 'a', prefix: 'mocs', fileName: 'of a MOC', contentType: 'text/plain' },
      body: Buffer.from('not among them'),
    })
    const found = await listed(there)
    expect(found.map(({ key }) => key)).toEqual(keys)
    expect(found.map(({ owner }) => owner)).toEqual(['a-b', 'a', 'a', 'b'])
    expect((await listed(there, keys[1]!)).map(({ key }) => key)).toEqual(keys.slice(2))
    for (const { key, version, size } of found) {
      const read = (await there.read(key))!
      expect((await buffer(read.stream)).toString()).toBe(`content ${key}`)
      expect(read.version).toBe(version)
      expect(version).toBe(sha256(`content ${key}`))
      expect(size).toBe(Buffer.byteLength(`content ${key}`))
    }
    // Both ends of the move hold the same, as those see it who trust neither.
    const back = new FolderSide(join(folder, 'back'), 0)
    for (const key of keys) await back.write(key, (await there.read(key))!.stream)
    const objects = { url: storage.env.OBJECTS_URL, masterKeys: storage.env.OBJECTS_KEYS }
    const { DATABASE_URL } = storage.service.context.config
    const compared = async () =>
      compareFiles(
        await filesInFolder(join(folder, 'back')),
        await filesAtStorage(DATABASE_URL!, objects),
      )
    expect(await compared()).toMatchObject({ source: 4, target: 4, divergent: 0 })

    await there.delete(keys[0]!)
    await there.delete(keys[0]!)
    expect(await there.read(keys[0]!)).toBe(null)
    expect(await there.read(`b/${id(3)}/z`)).toBe(null)
    expect((await listed(there)).map(({ key }) => key)).toEqual(keys.slice(1))
    expect(await compared()).toMatchObject({ source: 4, target: 3, divergent: 1 })
  })

  it('stores nothing of a file that fails half way, and tells what is of one file from what may pass', async () => {
    const there = side()
    const key = `c/${id(5)}/a`
    const lost = new Error('another engine leads')
    await expect(there.write(key, parts('half', lost), told)).rejects.toThrow()
    expect(await there.read(key)).toBe(null)
    await expect(there.write(key, parts('MALWARE'), told)).rejects.toThrow(ObjectRefused)
    const large = there.write(`c/${id(6)}/a`, parts('x'.repeat(QUOTA_BYTES)), told)
    await expect(large).rejects.toThrow(ObjectRefused)
    // The rest of what was refused does not stand in the way of what comes after it on its connection.
    for (let i = 0; i < 4; i++) await listed(there)
    await expect(there.write('c/a', parts('x'), told)).rejects.toThrow(ObjectRefused)
    const away = new StorageSide({ url: 'http://127.0.0.1:1', key: engineKey })
    const failed = await away.write(key, parts('x'), told).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(Error)
    expect(failed).not.toBeInstanceOf(ObjectRefused)
    // A service that does not know the key.
    const { privateJwk } = await newServiceKey('banyan')
    const stranger = new StorageSide({
      url: storage.service.url,
      key: JSON.stringify(privateJwk),
    })
    await expect(listed(stranger)).rejects.toThrow(/401/)
  })
})
