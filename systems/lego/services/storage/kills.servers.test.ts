import { randomUUID } from 'node:crypto'
import { eventually, IDENTITY_KEY } from '@banyan/service/testing'
import { expect, it, onTestFinished } from 'vitest'
import { startProcess } from '../../testing/processes.ts'
import { startStorage, wishFor } from './testing/storage-under-test.ts'

/** Each a process that is killed (SIGKILL) there; too long for every run of all tests. */
const CUTS = ['reserved', 'half stored', 'stored', 'measured', 'scanned', 'confirmed']
/** Of those, what is sent again with its id; the others are swept. */
const AGAIN = ['half stored', 'scanned', 'confirmed']

it('leaves a confirmed file, or nothing that counts, wherever an upload is killed', async () => {
  const all = await startStorage()
  onTestFinished(() => all.stop())
  const { DATABASE_URL, BUS_URL } = all.service.context.config
  const killed: { cut: string; more: { fileId: string; ownerId: string } }[] = []
  for (const cut of CUTS) {
    const more = { fileId: randomUUID(), ownerId: `u${randomUUID()}` }
    const child = await startProcess('services/storage/testing/killed-service.ts', {
      ...all.env,
      ...{ CUT: cut, DATABASE_URL: DATABASE_URL!, BUS_URL: BUS_URL! },
      BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    })
    const client = all.clientOf(child.url)
    const sent = client.upload({ query: wishFor(more), body: Buffer.from(`cut ${cut}`) })
    await expect(sent, cut).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
    expect(await child.end('SIGKILL'), cut).toBe(null)
    await client.close()
    killed.push({ cut, more })
  }
  const used = async (ownerId: string) =>
    (await all.client.usage({ params: { ownerId } })).usedBytes
  const objectsOf = async (id: string) =>
    (await all.store.list({ prefix: `mocs/${id}/` })).objects.length
  const timeIsOver = (since: string) =>
    all.db.query(
      'UPDATE storage.files SET expires_at = now() - $1::interval WHERE expires_at IS NOT NULL',
      [since],
    )
  // Before any sweep.
  await timeIsOver('1 second')
  for (const { cut, more } of killed) {
    expect(await used(more.ownerId), cut).toBe(cut === 'confirmed' ? `cut ${cut}`.length : 0)
  }
  for (const { cut, more } of killed.filter((one) => AGAIN.includes(one.cut))) {
    const body = Buffer.from(`cut ${cut}`)
    const file = await all.client.upload({ query: wishFor(more), body })
    expect(file, cut).toMatchObject({ id: more.fileId, state: 'clean' })
    expect(await objectsOf(more.fileId), cut).toBe(1)
  }
  await timeIsOver('1 hour')
  for (const { cut, more } of killed.filter((one) => !AGAIN.includes(one.cut))) {
    await eventually(`${cut} is swept`, async () => {
      const { rowCount } = await all.db.query('SELECT FROM storage.files WHERE id = $1', [
        more.fileId,
      ])
      return rowCount === 0
    })
    expect(await objectsOf(more.fileId), cut).toBe(0)
  }
})
