import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BucketSet, bucketOf } from '@banyan/contracts'
import { FolderSide, type ObjectSide } from '@banyan/objects'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { diagnose } from '../doctor/index.ts'
import { previewSteps } from '../preview/index.ts'
import type { ExtractionStatus, Phase } from '../status.ts'
import { StatelessSystem } from '../testing/stateless-system.ts'

const USERS = Array.from({ length: 40 }, (_, i) => `user-${i}`)
let root: string
let system: StatelessSystem
/** Whether the service's side takes files. */
let taken = false
/** Looks at the monolith's files take long, so that the next one is far away; how many have ended. */
let slow = false
let looks = 0

/** The service's folder, away until a test lets it be there. */
function targetSide(): ObjectSide {
  const side = new FolderSide(join(root, 'service'), 0)
  const write = side.write.bind(side)
  side.write = async (key, content) => {
    if (!taken) throw new Error('the disk is not mounted')
    return write(key, content)
  }
  return side
}

/** The monolith's folder, whose listing takes long while a test wants it to. */
function sourceSide(): ObjectSide {
  const side = new FolderSide(join(root, 'monolith'), 0)
  const list = side.list.bind(side)
  side.list = async function* (after, of) {
    if (slow) await new Promise((resolve) => setTimeout(resolve, 300))
    yield* list(after, of)
    looks++
  }
  return side
}

const pathOf = (where: 'monolith' | 'service', user: string, name: string) =>
  join(root, where, user, name)

function put(where: 'monolith' | 'service', user: string, name: string, content: string): void {
  const path = pathOf(where, user, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

const content = (where: 'monolith' | 'service', user: string, name: string) => {
  const path = pathOf(where, user, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'objects-extraction-'))
  mkdirSync(join(root, 'service'))
  for (const user of USERS) put('monolith', user, 'first', `first of ${user}`)
  system = await StatelessSystem.start((url) => [
    {
      kind: 'objects',
      name: 'files',
      service: { url },
      routes: [
        { methods: [], path: '/api/files/put/*', access: 'write' },
        { methods: [], path: '/api/files/*' },
      ],
      objects: {
        source: { open: sourceSide },
        target: { open: targetSide },
      },
      steps: [
        { percent: 50, seconds: 0, next: 'manual' },
        { percent: 100, seconds: 0 },
      ],
      gates: { minimumRequests: 0, latencyRatio: 1000 },
      // Nobody is to be refused because the machine is busy.
      handover: { holdBudgetMs: 10_000 },
      shadow: { percent: 0 },
      soakSeconds: 0,
    },
  ])
  for (const where of ['monolith', 'service'] as const) {
    system[where].answerWith((path) => {
      const [, , , action, user, name, text] = path.split('/')
      if (action === 'put') put(where, user!, name!, text!)
      return { status: 200, body: {} }
    })
  }
}, 60_000)
afterAll(async () => {
  await system?.stop()
  rmSync(root, { recursive: true })
})

const status = () => system.control.extraction('files')
async function until(wanted: (status: ExtractionStatus) => boolean): Promise<ExtractionStatus> {
  for (;;) {
    const now = await status()
    if (wanted(now)) return now
    if (now.paused) throw new Error(`paused: ${now.pausedWhy}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const phase = (wanted: Phase) => (now: ExtractionStatus) => now.phase === wanted

/** Users write through the gateway until told to stop; what was acknowledged last, by user. */
function writing() {
  let stopped = false
  const acknowledged = new Map<string, string>()
  const failed: number[] = []
  const write = async (user: string) => {
    for (let n = 1; !stopped; n++) {
      const code = await system.ask(`/api/files/put/${user}/mine/${n}`, user)
      if (code === 200) acknowledged.set(user, String(n))
      else failed.push(code)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const done = Promise.all(USERS.slice(0, 8).map(write))
  const stop = async () => {
    stopped = true
    await done
    return { acknowledged, failed }
  }
  return { stop }
}

it('files are found fit to move, and what will be done with them is told', async () => {
  expect((await diagnose(system.plan, 'files')).filter((one) => one.severity === 'error')).toEqual(
    [],
  )
  const steps = await previewSteps(system.plan, 'files')
  expect(steps.map(({ step }) => step).slice(0, 3)).toEqual([
    'copy of the files',
    'comparison of the files',
    'canary 50 %',
  ])
  const gone = {
    ...system.plan.extractions[0]!,
    objects: { source: { folder: '/no/such' }, target: { open: targetSide } },
  }
  const broken = { ...system.plan, extractions: [gone] } as typeof system.plan
  expect(await diagnose(broken, 'files')).toContainEqual(
    expect.objectContaining({ check: 'objects-unreachable', severity: 'error' }),
  )
})

it('no bucket moves before every file is copied and compared; status and why say what is missing', async () => {
  await system.control.act('files', 'start', {})
  // A look that is under way counts anew what is left.
  const waiting = await until(
    ({ waitsFor, objects }) =>
      waitsFor.some((one) => one.includes('not mounted')) && objects?.left.objects === 40,
  )
  expect(waiting).toMatchObject({ kind: 'objects', phase: 'copying', percent: 0 })
  expect(waiting.objects).toMatchObject({ state: 'failing', objects: 0 })
  expect((await system.control.why('files')).waitsFor).toEqual(waiting.waitsFor)
  taken = true
  const moved = await until(({ waitsFor }) => waitsFor.includes('promote'))
  expect(moved.percent).toBe(50)
  expect(moved.objects).toMatchObject({ state: 'in step', objects: 40, problems: 0 })
  expect(moved.objects!.verified).toMatchObject({ compared: 40, differing: 0 })
  for (const user of USERS) expect(content('service', user, 'first')).toBe(`first of ${user}`)
})

it('they follow both ways, each from the side that owns it, and nothing acknowledged is lost', async () => {
  const load = writing()
  await until(({ objects }) => objects!.objects > 44)
  slow = true
  const before = looks
  while (looks === before) await new Promise((resolve) => setTimeout(resolve, 5))
  // Right after a look: only the one that is taken while writes are held can bring it over.
  for (const user of USERS) put('monolith', user, 'late', `late of ${user}`)
  await system.control.act('files', 'promote', {})
  await until(phase('soaking'))
  slow = false
  expect((await status()).percent).toBe(100)
  for (const user of USERS.filter((one) => BucketSet.share(50).has(bucketOf(one)) === false)) {
    expect(content('service', user, 'late')).toBe(`late of ${user}`)
  }
  put('service', 'user-1', 'made-there', 'new at the service')
  rmSync(pathOf('service', 'user-2', 'first'))
  await system.control.act('files', 'rollback', { by: 'test', why: 'to see it' })
  await until(phase('rolled back'))
  const { acknowledged, failed } = await load.stop()
  expect(failed).toEqual([])
  expect(acknowledged.size).toBe(8)
  for (const [user, last] of acknowledged) expect(content('monolith', user, 'mine')).toBe(last)
  expect(content('monolith', 'user-1', 'made-there')).toBe('new at the service')
  expect(content('monolith', 'user-2', 'first')).toBe(null)
})

it('ended, nothing is remembered, and every copy stays', async () => {
  await system.control.act('files', 'promote', { percent: 100 })
  await until(phase('soaking'))
  await system.control.act('files', 'complete', {})
  await until(phase('completed'))
  for (const user of USERS.slice(0, 8)) {
    expect(content('service', user, 'mine')).toBe(content('monolith', user, 'mine'))
  }
  const before = content('monolith', 'user-3', 'first')
  put('service', 'user-3', 'first', 'after the end')
  expect(content('monolith', 'user-3', 'first')).toBe(before)
})
