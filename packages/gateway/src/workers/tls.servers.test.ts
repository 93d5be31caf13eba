import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { authority, issue } from '@banyan/contracts/testing'
import { expect, it, onTestFinished } from 'vitest'
import { until, upstream } from '../testing.ts'
import { Group } from './testing/group.ts'

/** The name in the certificate it was shown; null when it got no whole answer. */
function ask(port: number, agent: Agent | false): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { port, agent, rejectUnauthorized: false, headers: { 'x-subject': 'ann' } }
    request(options, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate()
      response.on('error', () => {})
      response.on('close', () => resolve(response.complete ? (subject.CN as string) : null))
      response.resume()
    })
      .on('error', () => resolve(null))
      .end()
  })
}

/** Asks one after the other over HTTP/2; a new connection where the last one takes no more. */
class SecondClient {
  readonly #port: number
  #session: ClientHttp2Session | null = null
  /** The last request that the connection that is leaving has taken: later ones were not, and may be sent again. */
  #lastTaken = Number.POSITIVE_INFINITY
  connections = 0

  constructor(port: number) {
    this.#port = port
  }

  async ask(): Promise<boolean> {
    for (;;) {
      const session = this.#open()
      let id = Number.POSITIVE_INFINITY
      const whole = await new Promise<boolean>((resolve) => {
        try {
          const stream = session.request({ ':path': '/', 'x-subject': 'ann' })
          let status = 0
          stream.on('ready', () => {
            id = stream.id!
          })
          stream.on('response', (headers) => {
            status = headers[':status']!
          })
          stream.on('end', () => resolve(status === 200))
          stream.on('error', () => resolve(false))
          stream.on('close', () => resolve(false))
          stream.resume()
        } catch {
          resolve(false)
        }
      })
      if (whole || id <= this.#lastTaken) return whole
    }
  }

  close(): void {
    this.#session?.destroy()
  }

  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session
    this.connections++
    this.#lastTaken = Number.POSITIVE_INFINITY
    const session = connect(`https://localhost:${this.#port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    session.on('goaway', (_, lastTaken) => {
      this.#lastTaken = lastTaken
    })
    this.#session = session
    return session
  }
}

it('takes up TLS, and another certificate, at a reload that loses no request, of HTTP/2 as little', async () => {
  const known = await authority('known')
  const folder = await mkdtemp(join(tmpdir(), 'banyan-workers-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const tls = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  const install = async (name: string) => {
    const { cert, key } = await issue(known, name)
    await writeFile(tls.cert, cert)
    await writeFile(tls.key, key)
  }
  await install('one.test')
  const monolith = await upstream('monolith')
  const group = await Group.start({ monolith: monolith.url, timeouts: { closeMs: 4_000 } })
  onTestFinished(() => group.stop())
  expect(await group.ask('/')).toBe(200)
  await group.set({ tls })
  await group.workers.reload()
  await until(() => group.workers.workers.length === 2)
  const port = group.workers.publicPort
  const kept = new Agent({ keepAlive: true, maxCachedSessions: 0 })
  const second = new SecondClient(port)
  onTestFinished(() => {
    kept.destroy()
    second.close()
  })
  let running = true
  const names: (string | null)[] = []
  const wholes: boolean[] = []
  const clients = [
    ...[kept, false, false].map(async (agent) => {
      while (running) names.push(await ask(port, agent as Agent | false))
    }),
    (async () => {
      while (running) wholes.push(await second.ask())
    })(),
  ]
  await until(() => names.length > 20 && wholes.length > 20)
  await install('two.test')
  await group.workers.reload()
  // The old ones keep their connections a while, and end.
  await until(() => group.workers.workers.length === 2)
  const asked = [names.length, wholes.length] as const
  await until(() => names.length > asked[0] + 20 && wholes.length > asked[1] + 20)
  running = false
  await Promise.all(clients)
  expect(names).toContain('one.test')
  expect(names).not.toContain(null)
  expect(wholes).not.toContain(false)
  expect(second.connections).toBeGreaterThanOrEqual(2)
  expect(await ask(port, false)).toBe('two.test')
})
