import type { Supervisor } from '@banyan/lab'
import { rounded } from '../statistics.ts'
import { cpuOf, usedBetween } from './cpu.ts'
import { type Batch, formsOf, jobsOf, readLists, uploadFiles } from './files.ts'
import type { Minute } from './goals.ts'
import { startLoad } from './load.ts'
import type { LoadResult } from './load-setting.ts'
import { partLists } from './part-lists.ts'
import { propagationOf, untilHandled } from './propagation.ts'
import { summaryOf, tookOf } from './samples.ts'
import type { Stock } from './stock.ts'
import { SERVICES, type System } from './system.ts'
import type { StreamName } from './traffic.ts'
import type { User } from './users.ts'

/** Requests a second beside those to MOC management; a tenth of these each, and a look at the gateway itself. */
export const BESIDE = { gallery: 50, wishlist: 50, profile: 50, search: 20, routing: 20 } as const
/** One in so many MOCs is followed until it is found: one or two a second. */
const FOLLOW_EVERY = 20
/** Between two parts lists while nothing special goes on, ms. */
export const LIST_EVERY_MS = 2_000
/** Jobs, and uploads, of a spike. */
export const SPIKE = 100

export interface Bed {
  readonly supervisor: Supervisor
  readonly system: System
  readonly users: readonly User[]
}

export interface MinuteOptions {
  /** Requests a second to MOC management. */
  readonly rate: number
  readonly warmupSeconds: number
  readonly seconds: number
  readonly seed: number
  readonly run: string
}

interface Made<M extends Minute> {
  readonly minute: M
  /** What there is after it. */
  readonly stock: Stock
}

/** The load of everyday, with a parts list every now and then. */
export async function runSteady(
  bed: Bed,
  stock: Stock,
  options: MinuteOptions,
): Promise<Made<Minute>> {
  const { seconds, seed } = options
  const jobs = jobsOf(partLists(Math.max(1, Math.floor((seconds * 1000) / LIST_EVERY_MS)), seed))
  const made = await underLoad(bed, stock, options, async () => ({
    partsLists: await readLists(bed.system, bed.users, jobs, LIST_EVERY_MS),
  }))
  return { stock: made.stock, minute: { ...made.minute, partsLists: made.beside.partsLists } }
}

/** The same, while a hundred parts lists and a hundred uploads come at once. */
export async function runSpike(
  bed: Bed,
  stock: Stock,
  options: MinuteOptions,
): Promise<Made<Minute & { readonly uploads: Batch }>> {
  const { system, users } = bed
  const jobs = jobsOf(partLists(SPIKE, options.seed))
  const forms = formsOf(SPIKE, options.seed)
  const made = await underLoad(
    bed,
    stock,
    options,
    async () => {
      const [partsLists, uploads] = await Promise.all([
        readLists(system, users, jobs, 0),
        uploadFiles(system, users, forms),
      ])
      return { partsLists, uploads }
    },
    true,
  )
  return { stock: made.stock, minute: { ...made.minute, ...made.beside } }
}

/** @param judged `beside`'s time alone counts, else the whole. */
async function underLoad<R>(
  { supervisor, system, users }: Bed,
  stock: Stock,
  { rate, warmupSeconds, seconds, seed, run }: MinuteOptions,
  beside: () => Promise<R>,
  whileBeside = false,
): Promise<{ beside: R; minute: Omit<Minute, 'partsLists'>; stock: Stock }> {
  const load = await startLoad(supervisor, {
    url: system.gateway.url,
    rates: { moc: rate, ...BESIDE },
    lists: { count: 0, seed },
    followEvery: FOLLOW_EVERY,
    ...{ seed, warmupSeconds, seconds, users, stock, run },
  })
  await load.counting
  const cpuBefore = await cpuOf(system)
  const beganAt = Date.now()
  const [result, done] = await Promise.all([
    load.result().then(async (loaded) => {
      return { ...loaded, cpu: usedBetween(cpuBefore, await cpuOf(system)) }
    }),
    beside().then((what) => ({ what, at: Date.now() })),
  ])
  const { countedFrom } = result
  const fromMs = whileBeside ? beganAt - countedFrom : 0
  const untilMs = Math.min(seconds * 1000, whileBeside ? done.at - countedFrom : seconds * 1000)
  await untilHandled(system, SERVICES)
  const propagation = await propagationOf(
    system,
    SERVICES,
    countedFrom + fromMs,
    countedFrom + untilMs,
  )
  return {
    beside: done.what,
    stock: result.stock,
    minute: {
      ...figuresOf(result, fromMs, untilMs),
      propagation,
      cpuMs: { ...result.cpu, 'load generator': result.cpuMs },
    },
  }
}

function figuresOf(result: LoadResult, fromMs: number, untilMs: number) {
  const { samples, failures, indexLagMs, neverFound, lateMs } = result
  const took = (is: (kind: string) => boolean) => tookOf(samples, is, fromMs, untilMs)
  const of = (name: StreamName | string) =>
    summaryOf(took((kind) => kind === name || kind.startsWith(`${name}.`)))
  const seconds = (untilMs - fromMs) / 1000
  const count = (part: Readonly<Record<string, number>>, name = '') =>
    Object.entries(part).reduce((sum, [kind, n]) => (kind.startsWith(name) ? sum + n : sum), 0)
  const requests = tookOf(samples, () => true).length
  const whole = tookOf(samples, (kind) => kind.startsWith('moc.')).length
  const mocFailed = count(failures, 'moc.')
  const moc = of('moc')
  return {
    seconds: rounded(seconds, 1),
    moc,
    mocReads: of('moc.read'),
    mocWrites: of('moc.write'),
    mocValidated: of('moc.validated'),
    gallery: of('gallery'),
    wishlist: of('wishlist'),
    profile: of('profile'),
    search: of('search'),
    routing: of('routing'),
    requests,
    failedShare: rounded(count(failures) / requests, 6),
    failures,
    mocRate: rounded((moc.samples * (1 - mocFailed / whole)) / seconds, 1),
    mocShortfall: rounded((moc.samples * mocFailed) / whole / seconds, 2),
    indexLag: summaryOf(indexLagMs),
    neverFound,
    generatorLate: summaryOf(lateMs),
  }
}
