import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HistoryFile, Load, type LoadCounts, percentile, Supervisor } from '@banyan/lab'
import { Creator } from './creator.ts'
import { type Services, startServices } from './system.ts'
import { VICTIMS, type Victim } from './victims.ts'

/** What became of MOC management while one of the others was away. */
export interface Outage {
  readonly victim: Victim
  /** Requests to MOC management while it was away, and those not answered as they should be. */
  readonly requests: number
  readonly failed: number
  readonly p95Ms: number
  readonly downSeconds: number
  /** From its start until it did its work again. */
  readonly backSeconds: number
}

export interface BlastRadius {
  readonly outages: readonly Outage[]
  /** How long MOC management itself took to come back, s; killed when nobody is at work any more. */
  readonly mocBackSeconds: number
  /** From the first request to the last. */
  readonly requests: number
  readonly failed: number
  readonly failures: LoadCounts['failures']
}

export interface BlastOptions {
  readonly seed: number
  /** Requests a second to MOC management. */
  readonly rate: number
  /** Requests that are made while each of them is away. */
  readonly requests: number
  readonly print: (line: string) => void
}

const CREATORS = 50
const IMAGES = 20
const BACK_WITHIN_MS = 120_000

/** Kills all the other services in turn, while users make and change MOCs; then MOC management itself. */
export async function runBlast(options: BlastOptions): Promise<BlastRadius> {
  const supervisor = await Supervisor.create({ name: 'blast-radius' })
  try {
    const services = await startServices(supervisor)
    const images = await addImages(services)
    const history = new HistoryFile(join(supervisor.folder, 'history'))
    const load = new Load({
      urls: [services.moc.url],
      clients: Array.from(
        { length: CREATORS },
        (_, i) => new Creator(`creator-${i}`, services.identityKey, images),
      ),
      rate: options.rate,
      seed: options.seed,
      history,
    })
    load.start()
    await sent(load, options.requests)
    const outages: Outage[] = []
    for (const victim of VICTIMS) {
      const outage = await kill(services, victim, load, options.requests)
      const { requests, failed, p95Ms, downSeconds, backSeconds } = outage
      options.print(
        `${victim} killed: ${requests} requests to MOC management, ${failed} failed, p95 ${p95Ms} ms; ` +
          `away for ${downSeconds} s, back after ${backSeconds} s`,
      )
      outages.push(outage)
    }
    await load.stop()
    await history.close()
    const mocBackSeconds = await killMocs(services)
    options.print(`moc killed: back after ${mocBackSeconds} s`)
    await services.stop()
    const { sent: requests, failed, failures } = load.counts
    return { outages, mocBackSeconds, requests, failed, failures }
  } finally {
    await supervisor.stopAll()
  }
}

async function addImages({ ask, victims }: Services): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < IMAGES; i++) {
    const image = { title: `Picture ${i}`, imageUrl: `https://pictures.example/${i}.png` }
    const { status, body } = await ask(victims.gallery, 'POST', '/images', image)
    if (status !== 201) throw new Error(`Gallery answered ${status}: ${JSON.stringify(body)}`)
    ids.push(body.id as string)
  }
  return ids
}

async function kill(
  services: Services,
  victim: Victim,
  load: Load,
  requests: number,
): Promise<Outage> {
  const process = services.victims[victim]
  const before = load.counts
  const began = performance.now()
  await process.kill()
  // Search must find later what was made while it was away.
  const title = `Made without ${victim} ${crypto.randomUUID().slice(0, 8)}`
  const made = await services.ask(services.moc, 'POST', '/mocs', { title })
  if (made.status !== 201) throw new Error(`MOC management answered ${made.status}`)
  await sent(load, requests)
  const { recentMs, ...after } = load.counts
  const startedAt = performance.now()
  await process.start()
  await back(services, victim, title)
  return {
    victim,
    requests: after.sent - before.sent,
    failed: after.failed - before.failed,
    p95Ms: Math.round(percentile(recentMs.slice(-requests), 0.95)),
    downSeconds: seconds(startedAt - began),
    backSeconds: seconds(performance.now() - startedAt),
  }
}

/** @returns from its start until a MOC is made again, s */
async function killMocs({ ask, moc }: Services): Promise<number> {
  await moc.kill()
  const startedAt = performance.now()
  await moc.start()
  await until('moc', async () => {
    return (await ask(moc, 'POST', '/mocs', { title: 'Made anew' })).status === 201
  })
  return seconds(performance.now() - startedAt)
}

const seconds = (ms: number) => Math.round(ms / 100) / 10

/** Waits until so many more requests have been made. */
async function sent(load: Load, more: number): Promise<void> {
  const until = load.counts.sent + more
  while (load.counts.sent < until) await delay(20)
}

/** Waits until it does its work: it answers, not only its health. */
function back({ ask, usage, victims }: Services, victim: Victim, title: string): Promise<void> {
  const answers = async (path: string, status: number) =>
    (await ask(victims[victim], 'GET', path)).status === status
  const works: Record<Victim, () => Promise<boolean>> = {
    gallery: () => answers('/images?limit=1', 200),
    search: async () => {
      const { status, body } = await ask(
        victims.search,
        'GET',
        `/search?q=${encodeURIComponent(title)}`,
      )
      return status === 200 && JSON.stringify(body.results).includes(title)
    },
    storage: async () => (await usage()) !== undefined,
    inventory: () => answers('/inventory/items?limit=1', 200),
    processing: async () => {
      const list = { fileName: 'list.csv', content: 'Part,Color,Quantity,Is Spare\n3001,4,2,False' }
      return (await ask(victims.processing, 'POST', '/parts-lists/parse', list)).status === 200
    },
    // Who watches has no profile: its table says so.
    profile: () => answers('/users/me', 404),
    wishlist: () => answers('/wishlist', 200),
  }
  return until(victim, works[victim])
}

async function until(service: string, works: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + BACK_WITHIN_MS
  while (!(await works().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`${service} is not back within 2 minutes`)
    await delay(50)
  }
}
