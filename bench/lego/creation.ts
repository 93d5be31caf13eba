import { interleave, median, rounded } from '../statistics.ts'
import type { Creation } from './goals.ts'
import { startLoad } from './load.ts'
import type { Bed } from './minute.ts'
import { untilHandled } from './propagation.ts'
import { summaryOf, tookOf } from './samples.ts'
import { SERVICES } from './system.ts'

/** MOCs created a second: as many as 500 requests a second to MOC management bring. */
const CREATED = 30
/** Parts lists read a second: one for every ten MOCs. */
const LISTS = 3
const DIFFERENT_LISTS = 40
const WARMUP_SECONDS = 3

export interface CreationOptions {
  /** Of each side. */
  readonly rounds: number
  /** Of a round, without its warm-up. */
  readonly seconds: number
  readonly seed: number
}

/**
 * `POST /api/mocs` at the services and at the monolith, each through a gateway, at one rate and in turns.
 *
 * @param lists whether others have parts lists read (`POST /api/parts-lists/parse`) meanwhile, the same ones
 */
export async function compareCreation(
  { supervisor, system, users }: Bed,
  { rounds, seconds, seed }: CreationOptions,
  lists: boolean,
): Promise<Creation> {
  const took = { services: [] as number[], monolith: [] as number[] }
  const failures: Record<string, number> = {}
  const once = (side: keyof typeof took, url: string) => async (round: number) => {
    // What the services do after they have answered is not to slow down the other side.
    await untilHandled(system, SERVICES)
    const load = await startLoad(supervisor, {
      url,
      rates: { create: CREATED, ...(lists ? { parse: LISTS } : {}) },
      warmupSeconds: WARMUP_SECONDS,
      stock: { mocs: [], images: [], items: [] },
      lists: { count: lists ? DIFFERENT_LISTS : 0, seed },
      followEvery: 0,
      run: `${side}${lists ? 'l' : 'a'}${round}`,
      ...{ seconds, users, seed: seed + round },
    })
    const result = await load.result()
    for (const [what, count] of Object.entries(result.failures)) {
      failures[`${side}: ${what}`] = (failures[`${side}: ${what}`] ?? 0) + count
    }
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
    failedShare: rounded(failed / (took.services.length + took.monolith.length), 6),
  }
}
