import { expect, it, onTestFinished } from 'vitest'
import { cacheReads, keptMocsConformance, untilKept } from '../testing/kept-mocs.ts'
import { type MocProcess, startMocProcesses } from '../testing/moc-processes.ts'
import { eventually } from '../testing/processes.ts'
import { serverNow } from '../testing/servers.ts'

const REDIS = process.env.BANYAN_REDIS_URL
if (!REDIS) throw new Error('BANYAN_REDIS_URL is not set: run npm run test:servers')

const IN_REDIS = { CACHE_URL: REDIS }

keptMocsConformance('in Redis', IN_REDIS)

it('keeps a MOC once for all processes, and goes past a Redis that is dead', async () => {
  const running = await startMocProcesses(2, IN_REDIS)
  onTestFinished(async () => {
    await serverNow('start', 'redis')
    await running.stop()
  })
  const { ask } = running
  const [one, two] = running.processes as [MocProcess, MocProcess]
  const create = async () => (await ask('ada', one, 'POST', '', { title: 'First' })).body.id
  const titleAt = async (at: MocProcess, id: string) =>
    (await ask('eve', at, 'GET', `/${id}`)).body.title

  const first = await create()
  for (const at of [one, two]) await untilKept(running, at, first)
  // A Redis that does not answer in time on a busy machine is gone past as well: then it is another MOC's turn.
  const id = await eventually(
    'what one has read the other has, without ever reading it',
    async () => {
      const another = await create()
      await untilKept(running, one, another)
      const before = await cacheReads(two)
      expect(await titleAt(two, another)).toBe('First')
      const { hit, miss } = await cacheReads(two)
      return hit === before.hit + 1 && miss === before.miss && another
    },
  )

  await serverNow('kill', 'redis')
  for (const at of [one, two]) expect(await titleAt(at, id)).toBe('First')
  expect((await ask('ada', one, 'PATCH', `/${id}`, { title: 'Second' })).status).toBe(200)
  for (const at of [one, two]) {
    await eventually('the change is seen', async () => (await titleAt(at, id)) === 'Second')
  }
  await serverNow('start', 'redis')
  for (const at of [one, two]) {
    await untilKept(running, at, id)
    expect(await titleAt(at, id)).toBe('Second')
  }
})
