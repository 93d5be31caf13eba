import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CertificateFiles } from '@banyan/contracts'
import { type Authority, authority, DAY_MS, issue } from '@banyan/contracts/testing'
import fastify from 'fastify'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { imageClient, PICTURE } from '../client/testing.ts'
import { guardCallers } from '../tokens/caller-guard.ts'
import { mutualTlsAgent, mutualTlsOptions, renewCertificates } from './mutual-tls.ts'

let known: Authority
let unknown: Authority

beforeAll(async () => {
  known = await authority('known')
  unknown = await authority('unknown')
})

/** A folder with a process's certificate, its key, and the authority it believes. */
async function installed(certificate: { cert: string; key: string }, believed = known) {
  const folder = await mkdtemp(join(tmpdir(), 'certificates-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const paths = {
    cert: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
    ca: join(folder, 'ca.crt'),
  }
  const install = async ({ cert, key }: { cert: string; key: string }) => {
    await writeFile(paths.cert, cert)
    await writeFile(paths.key, key)
  }
  await install(certificate)
  await writeFile(paths.ca, believed.certificate.toString('pem'))
  const failures: string[] = []
  const files = await CertificateFiles.open(paths, {
    onFailure: ({ message }) => failures.push(message),
  })
  onTestFinished(() => files.close())
  return { files, paths, install, failures }
}

/** The images service behind mutual TLS; believes every token to be what it says. */
async function secureServer() {
  const place = await installed(await issue(known, 'images'))
  const app = fastify({ https: mutualTlsOptions(place.files) })
  renewCertificates(app.server as Server, place.files)
  guardCallers(app, { tokens: { verify: async (token) => token }, matchCertificate: true })
  app.get('/v1/images/:id', { config: { callers: ['albums', 'search'] } }, () => PICTURE)
  const baseUrl = await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return { ...place, baseUrl, app }
}

interface From {
  readonly token: string
  readonly serverName?: string
}

async function call(baseUrl: string, files: CertificateFiles, { token, serverName }: From) {
  const dispatcher = mutualTlsAgent(files, serverName ?? 'images')
  const client = imageClient(baseUrl, {
    dispatcher,
    tokens: { for: async () => token },
    retry: { delaysMs: [] },
  })
  try {
    return await client.getImage({ params: { id: 'a' } })
  } catch (error) {
    const { answer, message } = error as { answer?: { status: number }; message: string }
    return answer?.status ?? message
  } finally {
    await dispatcher.close()
  }
}

describe('mutual TLS', () => {
  it('lets in whose certificate and token say the same name', async () => {
    const { baseUrl } = await secureServer()
    const { files } = await installed(await issue(known, 'albums'))
    expect(await call(baseUrl, files, { token: 'albums' })).toEqual(PICTURE)
    expect(await call(baseUrl, files, { token: 'search' })).toBe(401)
  })

  it('refuses a certificate of another authority, one that has ended, and none', async () => {
    const { baseUrl } = await secureServer()
    const foreign = await installed(await issue(unknown, 'albums'))
    const ended = await installed(await issue(known, 'albums', { endsInMs: -DAY_MS }))
    for (const { files } of [foreign, ended]) {
      expect(await call(baseUrl, files, { token: 'albums' })).toContain('failed before an answer')
    }
    await expect(fetch(`${baseUrl}/v1/images/a`)).rejects.toThrow()
  })

  it('sends nothing to a server that is of another authority, or another service', async () => {
    const { baseUrl } = await secureServer()
    const doubting = await installed(await issue(known, 'albums'), unknown)
    expect(await call(baseUrl, doubting.files, { token: 'albums' })).toContain('certificate')
    const { files } = await installed(await issue(known, 'albums'))
    const other = await call(baseUrl, files, { token: 'albums', serverName: 'stock' })
    expect(other).toContain('does not match')
  })

  it('takes up changed certificates on both sides without a restart', async () => {
    const server = await secureServer()
    const caller = await installed(await issue(known, 'albums'))
    expect(await call(server.baseUrl, caller.files, { token: 'albums' })).toEqual(PICTURE)

    await server.install(await issue(known, 'stock'))
    await server.files.reload()
    expect(await call(server.baseUrl, caller.files, { token: 'albums' })).toContain(
      'does not match',
    )
    const atStock = { token: 'albums', serverName: 'stock' }
    expect(await call(server.baseUrl, caller.files, atStock)).toEqual(PICTURE)

    await caller.install(await issue(known, 'search'))
    await caller.files.reload()
    expect(await call(server.baseUrl, caller.files, atStock)).toBe(401)
    const asSearch = { ...atStock, token: 'search' }
    expect(await call(server.baseUrl, caller.files, asSearch)).toEqual(PICTURE)
  })

  it('goes on with what it has while the files do not fit each other', async () => {
    const { files, paths, failures } = await installed(await issue(known, 'albums'))
    const before = files.current
    await writeFile(paths.cert, (await issue(known, 'albums')).cert)
    await files.reload()
    expect(files.current).toBe(before)
    expect(failures).toEqual([expect.stringContaining('do not fit')])
    await expect(CertificateFiles.open({ ...paths, key: '/nowhere.key' })).rejects.toThrow(
      '/nowhere.key',
    )
  })
})
