import PgBoss from 'pg-boss'
import {
  CONNECTIONS,
  type Contender,
  dueTimes,
  parts,
  payloadOf,
  type Race,
  type Setting,
  STEPS,
} from './contender.ts'

export interface BossSettings {
  readonly workers: number
  readonly batchSize: number
}

/** The fastest of `--sweep` on the machine of decision 033. */
const FASTEST: BossSettings = { workers: 1, batchSize: 5_000 }
export const BOSS_SETTINGS: Readonly<Record<Race, BossSettings>> = {
  relay: FASTEST,
  saga: FASTEST,
  schedule: FASTEST,
}
export const BOSS_SWEEP: readonly BossSettings[] = [
  { workers: 1, batchSize: 500 },
  { workers: 1, batchSize: 2_000 },
  { workers: 1, batchSize: 5_000 },
  { workers: 2, batchSize: 500 },
  { workers: 2, batchSize: 2_000 },
  { workers: 4, batchSize: 500 },
  { workers: 4, batchSize: 2_000 },
  { workers: 8, batchSize: 500 },
]

interface Data {
  readonly n: number
  readonly step?: number
}

/** pg-boss with workers that never pause while there is work: each is notified by its own batch. */
export async function openPgBoss(
  { url, race, handled }: Setting,
  settings: BossSettings = BOSS_SETTINGS[race],
): Promise<Contender> {
  const boss = new PgBoss({
    connectionString: url,
    max: CONNECTIONS,
    // Nothing that would cost it time beside the work itself.
    supervise: false,
    schedule: false,
  })
  boss.on('error', (error) => console.error(`  pg-boss: ${error.message}`))
  await boss.start()
  const queues = race === 'saga' ? Array.from({ length: STEPS }, (_, i) => `step-${i}`) : ['work']
  for (const queue of queues) await boss.createQueue(queue)

  const insert = (queue: string, jobs: readonly Partial<PgBoss.JobInsert<Data>>[]) =>
    boss.insert(jobs.map((job) => ({ ...job, name: queue }) as PgBoss.JobInsert<Data>))

  const work = async (queue: string, next: string | undefined) => {
    let id = ''
    const options = {
      batchSize: settings.batchSize,
      priority: false,
      pollingIntervalSeconds: 0.5,
    }
    id = await boss.work<Data>(queue, options, async (jobs) => {
      handled(jobs.length)
      // The next link before this one is completed: a crash between doubles it, and loses nothing.
      if (next) {
        await insert(
          next,
          jobs.map(({ data }) => ({ data })),
        )
        for (const worker of idsOf.get(next) ?? []) boss.notifyWorker(worker)
      }
      boss.notifyWorker(id)
    })
    idsOf.set(queue, [...(idsOf.get(queue) ?? []), id])
  }
  const idsOf = new Map<string, string[]>()

  return {
    async fill(count) {
      const { due, later } = dueTimes()
      for (const numbers of parts(count)) {
        const jobs = numbers.flatMap((n): Partial<PgBoss.JobInsert<Data>>[] => {
          const data = payloadOf(n)
          if (race !== 'schedule') return [{ data }]
          return [
            { data, startAfter: due(n).toISOString() as never },
            { data, startAfter: later.toISOString() as never },
          ]
        })
        await insert(queues[0]!, jobs)
      }
    },
    async start() {
      for (const [i, queue] of queues.entries()) {
        for (let n = 0; n < settings.workers; n++) await work(queue, queues[i + 1])
      }
    },
    openSql: `SELECT EXISTS (SELECT FROM pgboss.job WHERE state < 'completed' AND start_after < now()) AS open`,
    async stop() {
      await boss.stop({ graceful: true, close: true, wait: true, timeout: 5_000 })
    },
  }
}
