import { interleave, median, rounded } from '../statistics.ts'
import type { Creation } from './goals.ts'
import { startLoad } from './load.ts'
import type { LoadSetting } from './load-setting.ts'
import { BESIDE, type Bed, LIST_EVERY_MS } from './minute.ts'
import { untilHandled } from './propagation.ts'
import { summaryOf, tookOf } from './samples.ts'
import type { Stock } from './stock.ts'
import { SERVICES } from './system.ts'

/** MOCs created a second: as many as 500 requests a second to MOC management bring. */
const CREATED = 30
/** Parts lists read a second: one for every ten MOCs. */
const LISTS = 3
const DIFFERENT_LISTS = 40

export interface CreationOptions {
  /** Of each side. */
  readonly rounds: number
  /** Of a round, without its warm-up. */
  readonly seconds: number
  readonly seed: number
  /** Requests a second to MOC management in everyday's load, creations among them. */
  readonly rate: number
}

/** What there is on each side. */
export interface Stocks {
  services: Stock
  monolith: Stock
}

/** What others ask meanwhile, of both sides the same. */
const MEANWHILE = {
  alone: () => ({ rates: {}, warmupSeconds: 3 }),
  /** `POST /api/parts-lists/parse`. */
  besideLists: () => ({ rates: { parse: LISTS }, warmupSeconds: 3 }),
  /**
   * That of the steady minute, without searches: the monolith has no suggestions. Both sides warm up, as before the minutes of
   * load.
   */
  everyday: (rate: number) => {
    const { gallery, wishlist, profile } = BESIDE
    const moc = Math.max(1, rate - CREATED)
    return {
      rates: { moc, gallery, wishlist, profile, parse: 1000 / LIST_EVERY_MS },
      warmupSeconds: 20,
    }
  },
} satisfies Record<string, (rate: number) => Pick<LoadSetting, 'rates' | 'warmupSeconds'>>

/** `POST /api/mocs` at the services and at the monolith, each through a gateway, at one rate and in turns. */
export async function compareCreation(
  { supervisor, system, users }: Bed,
  stocks: Stocks,
  { rounds, seconds, seed, rate }: CreationOptions,
  meanwhile: keyof typeof MEANWHILE,
): Promise<Creation> {
  const { rates, warmupSeconds } = MEANWHILE[meanwhile](rate)
  const took = { services: [] as number[], monolith: [] as number[] }
  const failures: Record<string, number> = {}
  let asked = 0
  const once = (side: keyof typeof took, url: string) => async (round: number) => {
    // What the services do after they have answered is not to slow down the other side.
    await untilHandled(system, SERVICES)
    const load = await startLoad(supervisor, {
      url,
      rates: { create: CREATED, ...rates },
      stock: stocks[side],
      lists: { count: 'parse' in rates ? DIFFERENT_LISTS : 0, seed },
      followEvery: 0,
      run: `${side}${meanwhile}${round}`,
      ...{ warmupSeconds, seconds, users, seed: seed + round },
    })
    const result = await load.result()
    stocks[side] = result.stock
    for (const [what, count] of Object.entries(result.failures)) {
      failures[`${side}: ${what}`] = (failures[`${side}: ${what}`] ?? 0) + count
    }
    asked += tookOf(result.samples, () => true).length
    const made = tookOf(result.samples, (kind) => kind === 'create')
    took[side].push(...made)
    return summaryOf(made).p95
  }
  const measured = await interleave(
    rounds,
    {
      services: once('services', system.gateway.url),
      monolith: once('monolith', system.monolithGateway.url),
    },
    true,
  )
  const all = measured.map(({ services, monolith }) => {
    return { services, monolith, ratio: rounded(services / monolith) }
  })
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
  return {
    services: summaryOf(took.services),
    monolith: summaryOf(took.monolith),
    timeRatio: rounded(median(all.map(({ ratio }) => ratio))),
    rounds: all,
    failures,
    failedShare: rounded(failed / asked, 6),
  }
}
