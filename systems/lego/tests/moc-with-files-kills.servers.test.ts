import { CORRELATION_HEADER } from '@banyan/contracts'
import { startService } from '@banyan/service'
import { ask, eventually } from '@banyan/service/testing'
import { expect, it, onTestFinished } from 'vitest'
import type { Creation } from '../services/moc/messages.ts'
import moc from '../services/moc/service.ts'
import { startFileServices } from '../testing/file-services.ts'
import { startProcess } from '../testing/processes.ts'

/** Each a process that is killed (SIGKILL) there; too long for every run of all tests. */
const CUTS = ['before moc', ...['moc', 'upload', 'files', 'processing', 'created'].map(after)]
const LIST = 'Part,Color,Quantity\n3001,4,2\n3002,0,5\n'
/** What a killed process had is free after its lease of 15 s. */
const PATIENCE_MS = 90_000

function after(step: string): string {
  return `after ${step}`
}

it('creates a MOC with its files once, between whichever steps its process is killed', async () => {
  const all = await startFileServices()
  onTestFinished(() => all.stop())
  const begun: { cut: string; user: string; key: string }[] = []
  const send = async (base: string, { user, key, cut }: (typeof begun)[number]) => {
    const form = new FormData()
    form.set('metadata', JSON.stringify({ title: cut }))
    form.set('instruction', new Blob(['step 1']), 'a.txt')
    form.set('parts-list', new Blob([LIST]), 'b.csv')
    const encoded = new Response(form)
    return ask(`${base}/v1/mocs/with-files`, {
      ...{ user, method: 'POST', body: await encoded.text() },
      headers: {
        ...{ 'idempotency-key': key, [CORRELATION_HEADER]: key },
        'content-type': encoded.headers.get('content-type')!,
      },
    })
  }
  for (const [at, cut] of CUTS.entries()) {
    const one = { cut, user: `user-${at}`, key: `cut-request-${at}` }
    const env = { ...all.mocEnv, CUT: cut, CUT_REQUEST: one.key }
    const child = await startProcess('testing/killed-moc.ts', env)
    await expect(send(child.url, one), cut).rejects.toThrow('fetch failed')
    expect(await child.end('SIGKILL'), cut).toBe(null)
    begun.push(one)
  }
  const service = await startService(moc, { env: all.mocEnv })
  onTestFinished(() => service.stop())
  for (const one of begun) {
    const { cut, user } = one
    // The client asks again, as one does whose connection broke; it is told of the same MOC.
    const created = await eventually(
      `created: ${cut}`,
      async () => {
        const answer = await send(service.url, one)
        return answer.status === 201 && (answer.body as Creation)
      },
      PATIENCE_MS,
    )
    const read = await eventually(
      `read: ${cut}`,
      async () => {
        const path = `${service.url}/v1/mocs/${created.mocId}/creation`
        const creation = (await ask(path, { user })).body as Creation
        return creation.files.some(({ reading }) => reading === 'read') && creation
      },
      PATIENCE_MS,
    )
    expect(read, cut).toMatchObject({ status: 'created', moc: { totalPieceCount: 7 } })
    expect(read.files, cut).toHaveLength(2)
    const mine = (await ask(`${service.url}/v1/mocs?mine=true`, { user })).body
    expect((mine as { mocs: object[] }).mocs, cut).toHaveLength(1)
    const { usedBytes } = await all.files.usage({ params: { ownerId: user } })
    expect(usedBytes, cut).toBe(`step 1${LIST}`.length)
  }
}, 300_000)
