import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Moc } from '../services/moc/messages.ts'
import { type MocProcess, type MocProcesses, startMocProcesses } from './moc-processes.ts'
import { type Answer, send } from './monolith.ts'
import { eventually } from './processes.ts'

const IMAGE = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'

/** How often a process has asked its cache for a MOC, by what came of it. */
export async function cacheReads(at: MocProcess): Promise<Record<'hit' | 'miss', number>> {
  const { text } = await send(`${at.url}/metrics`, 'GET', {})
  const count = (result: string) =>
    Number(text.match(`cache_reads_total\\{cache="mocs",result="${result}",.*\\} (\\d+)`)?.[1] ?? 0)
  return { hit: count('hit'), miss: count('miss') }
}

/** Asks for a MOC, as somebody to whom it does not belong, until it comes from the cache. */
export async function untilKept({ ask }: MocProcesses, at: MocProcess, id: string): Promise<void> {
  await eventually('it is answered from the cache', async () => {
    const { hit } = await cacheReads(at)
    expect((await ask('eve', at, 'GET', `/${id}`)).status).toBe(200)
    return (await cacheReads(at)).hit > hit
  })
}

/**
 * What must hold of MOCs that are kept, by two processes.
 *
 * @param settings where they are kept
 */
export function keptMocsConformance(
  where: string,
  settings: Readonly<Record<string, string>>,
): void {
  describe(`MOCs kept ${where}`, () => {
    let running: MocProcesses
    let others: MocProcesses['others']
    let ask: MocProcesses['ask']
    let one: MocProcess
    let two: MocProcess

    beforeAll(async () => {
      running = await startMocProcesses(2, settings)
      ;({ others, ask } = running)
      ;[one, two] = running.processes as [MocProcess, MocProcess]
    })
    afterAll(() => running?.stop())

    const ada = (at: MocProcess, method: string, path: string, body?: unknown): Promise<Answer> =>
      ask('ada', at, method, path, body)
    /** What somebody else sees of hers. */
    const seen = (at: MocProcess, id: string): Promise<Answer> => ask('eve', at, 'GET', `/${id}`)
    const titleAt = async (at: MocProcess, id: string) => (await seen(at, id)).body.title
    const kept = (at: MocProcess, id: string) => untilKept(running, at, id)
    /** A MOC of hers that both processes keep. */
    async function keptMoc(): Promise<string> {
      const { id } = (await ada(one, 'POST', '', { title: 'First' })).body as Moc
      await kept(one, id)
      await kept(two, id)
      return id
    }

    it('answers a MOC from the cache, but to its owner, who sees what was done at once by way of every process', async () => {
      const id = await keptMoc()
      // Nobody tells of it.
      await others.query('ALTER TABLE moc.mocs DISABLE TRIGGER tell_change')
      const bothSay = async (expected: object) => {
        for (const at of [one, two]) {
          expect((await ada(at, 'GET', `/${id.toUpperCase()}`)).body).toMatchObject(expected)
        }
      }
      await ada(one, 'PATCH', `/${id}`, { title: 'Second' })
      await bothSay({ title: 'Second' })
      expect(await titleAt(one, id)).toBe('First')
      const form = new FormData()
      form.set('file', new Blob(['Part,Color,Quantity\n3001,4,7\n']), 'a.csv')
      const list = (await ada(two, 'POST', `/${id}/parts-lists`, form)).body.id
      await bothSay({ totalPieceCount: 7 })
      await ada(two, 'DELETE', `/${id}/parts-lists/${list}`)
      await bothSay({ totalPieceCount: 0 })
      expect((await ada(one, 'DELETE', `/${id}`)).status).toBe(204)
      for (const at of [one, two]) {
        for (const of of ['', '/parts-lists', '/files', '/stored-files']) {
          expect((await ada(at, 'GET', `/${id}${of}`)).status).toBe(404)
        }
      }
      await others.query('ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER tell_change')
    })

    it('hears what any process does to a MOC, and replication, and what goes at once with all others', async () => {
      const id = await keptMoc()
      await ada(one, 'PATCH', `/${id}`, { title: 'Second' })
      for (const at of [one, two]) {
        await eventually('the change is seen', async () => (await titleAt(at, id)) === 'Second')
        await kept(at, id)
      }
      await others.query(`BEGIN; SET LOCAL session_replication_role = replica;
        UPDATE moc.mocs SET title = 'Third', gallery_image_ids = '[{"id": "${IMAGE}"}]'; COMMIT`)
      await eventually('it is seen', async () => (await titleAt(two, id)) === 'Third')
      expect((await seen(two, id)).body.galleryImageIds).toEqual([IMAGE])
      await kept(two, id)
      await ada(one, 'DELETE', `/${id}`)
      await eventually('it is gone', async () => (await seen(two, id)).status === 404)
      const another = await keptMoc()
      await others.query('TRUNCATE moc.mocs CASCADE')
      await eventually('it is gone too', async () => (await seen(two, another)).status === 404)
    })

    it('keeps no MOC that is not there: one that comes is answered', async () => {
      const get = () => ada(one, 'GET', `/${IMAGE}`)
      expect((await get()).status).toBe(404)
      await others.query(
        `INSERT INTO moc.mocs (id, owner_id, title) VALUES ('${IMAGE}', 'eve', 'There')`,
      )
      expect((await get()).body.title).toBe('There')
    })
  })
}
