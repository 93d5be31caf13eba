import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '@banyan/lab'
import { Pool } from 'undici'
import { answerOf } from './answered.ts'
import type { LoadResult, LoadSetting } from './load-setting.ts'
import { partLists } from './part-lists.ts'
import { Recorder } from './samples.ts'
import { scheduleOf } from './schedule.ts'
import { type Ask, type StreamName, Traffic } from './traffic.ts'

/** A request that takes longer has failed, ms. */
const TIMEOUT_MS = 10_000
const TICK_MS = 2
const CONNECTIONS = 256
/** Requests under way; beyond, they are failed rather than kept. */
const MOST_UNDER_WAY = 20_000
const LOOK_EVERY_MS = 100
const FOUND_WITHIN_MS = 30_000

// A process of its own, which does nothing but send what is due and take the time: a request's time begins
// when it was due, whether it could be sent then or not.
const setting = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as LoadSetting
const { users, warmupSeconds, seconds, seed } = setting
const open = () =>
  new Pool(setting.url, {
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
/** Of each stream its own: who waits for one service must not keep the others' users from connecting. */
const pools: Readonly<Record<string, Pool>> = Object.fromEntries(
  Object.keys(setting.rates).map((stream) => [stream, open()]),
)
const followers = open()
const recorder = new Recorder()
const lateMs: number[] = []
const indexLagMs: number[] = []
const following: Promise<void>[] = []
let neverFound = 0
let created = 0
const random = new Random(seed)
const traffic = new Traffic({
  random,
  users: users.length,
  stock: setting.stock,
  lists: partLists(setting.lists.count, setting.lists.seed).map((list) => JSON.stringify(list)),
  run: setting.run,
  onCreated: ({ word, user }) => {
    if (setting.followEvery === 0 || ++created % setting.followEvery !== 0) return
    following.push(follow(word, (user + 1) % users.length))
  },
})

const warmupMs = warmupSeconds * 1000
// Apart, so that exactly as many count as the rate says.
const due = [
  ...scheduleOf(setting.rates, warmupSeconds, seed + 1),
  ...scheduleOf(setting.rates, seconds, seed).map((one) => ({ ...one, atMs: one.atMs + warmupMs })),
]
const headersOf = users.map(({ token }) => ({ authorization: `Bearer ${token}` }))
const jsonOf = headersOf.map((headers) => ({ ...headers, 'content-type': 'application/json' }))
const began = performance.now()
const countedFrom = Date.now() + warmupMs
let underWay = 0
let counting = false
let cpuBefore = process.cpuUsage()
console.log(JSON.stringify({ event: 'listening' }))

for (let next = 0; next < due.length; ) {
  const now = performance.now() - began
  if (!counting && now >= warmupMs) {
    counting = true
    cpuBefore = process.cpuUsage()
    console.log(JSON.stringify({ event: 'counting' }))
  }
  for (; next < due.length && due[next]!.atMs <= now; next++) {
    const { stream, atMs } = due[next]!
    if (atMs >= warmupMs) lateMs.push(now - atMs)
    void send(pools[stream]!, traffic.next(stream as StreamName, now), atMs)
  }
  await delay(TICK_MS)
}
const { user, system } = process.cpuUsage(cpuBefore)
while (underWay > 0) await delay(10)
await Promise.all(following)
await Promise.all([followers, ...Object.values(pools)].map((pool) => pool.close()))
const result: LoadResult = {
  countedFrom,
  samples: recorder.samples,
  failures: recorder.failures,
  lateMs,
  indexLagMs,
  neverFound,
  cpuMs: Math.round((user + system) / 1000),
  stock: traffic.stock,
}
await writeFile(setting.out, JSON.stringify(result))

async function send(pool: Pool, ask: Ask, atMs: number): Promise<void> {
  const failure = underWay >= MOST_UNDER_WAY ? 'not sent' : await answered(pool, ask)
  const fromDue = performance.now() - began - atMs
  if (atMs < warmupMs) return
  recorder.add(ask.kind, atMs - warmupMs, fromDue, failure, TIMEOUT_MS)
}

/** @returns what was wrong, if anything was */
async function answered(pool: Pool, ask: Ask): Promise<string | undefined> {
  underWay++
  try {
    const path = ask.path.replace(/\{user (\d+)\}/, (_, n: string) => users[Number(n)]!.id)
    const { method, body, taken } = ask
    const request =
      body === undefined
        ? { method, path, headers: headersOf[ask.user]! }
        : { method, path, headers: jsonOf[ask.user]!, body }
    const { status, text } = await answerOf(pool, request, taken !== undefined)
    if (status !== ask.wants) return String(status)
    taken?.(text)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  } finally {
    underWay--
  }
}

/** Looks for a MOC until it is found: as another user, since its author is shown the newest at once. */
async function follow(word: string, user: number): Promise<void> {
  const began = performance.now()
  while (performance.now() - began < FOUND_WITHIN_MS) {
    const path = `/api/search?q=${word}&type=moc`
    const request = { method: 'GET', path, headers: headersOf[user]! } as const
    const { status, text } = await answerOf(followers, request, true)
    if (status === 200 && (JSON.parse(text) as { results: unknown[] }).results.length > 0) {
      indexLagMs.push(performance.now() - began)
      return
    }
    await delay(LOOK_EVERY_MS)
  }
  neverFound++
}
