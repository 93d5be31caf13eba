import { Logger, makeWorkerUtils, type Runner, run, type TaskList } from 'graphile-worker'
import pg from 'pg'
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

export interface GraphileSettings {
  readonly concurrentJobs: number
  readonly localQueue: number
}

/** The fastest of `--sweep` on the machine of decision 033. */
export const GRAPHILE_SETTINGS: Readonly<Record<Race, GraphileSettings>> = {
  relay: { concurrentJobs: 100, localQueue: 2_000 },
  saga: { concurrentJobs: 500, localQueue: 2_000 },
  schedule: { concurrentJobs: 100, localQueue: 500 },
}
export const GRAPHILE_SWEEP: readonly GraphileSettings[] = [
  { concurrentJobs: 10, localQueue: 500 },
  { concurrentJobs: 24, localQueue: 500 },
  { concurrentJobs: 24, localQueue: 2_000 },
  { concurrentJobs: 100, localQueue: 500 },
  { concurrentJobs: 100, localQueue: 2_000 },
  { concurrentJobs: 500, localQueue: 2_000 },
]

interface Data {
  readonly n: number
}

/** graphile-worker as its page on performance sets it: jobs fetched and completed in batches. */
export async function openGraphileWorker(
  { url, race, handled }: Setting,
  settings: GraphileSettings = GRAPHILE_SETTINGS[race],
): Promise<Contender> {
  const pgPool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  pgPool.on('error', () => {})
  pgPool.on('connect', (client) => client.on('error', () => {}))
  const logger = new Logger(() => (level, message) => {
    if (level === 'error') console.error(`  graphile-worker: ${message}`)
  })
  const utils = await makeWorkerUtils({ pgPool, logger })
  await utils.migrate()
  const adder = gather((jobs: readonly { identifier: string; payload: unknown }[]) =>
    utils.addJobs(jobs),
  )
  const taskList: TaskList =
    race === 'saga'
      ? Object.fromEntries(
          Array.from({ length: STEPS }, (_, i) => [
            `step-${i}`,
            async (payload: unknown) => {
              handled(1)
              // The next link before this one is completed: a crash between doubles it, and loses nothing.
              if (i + 1 < STEPS) await adder({ identifier: `step-${i + 1}`, payload })
            },
          ]),
        )
      : { work: () => handled(1) }
  const identifier = Object.keys(taskList)[0]!
  let runner: Runner | undefined

  return {
    async fill(count) {
      const { due, later } = dueTimes()
      for (const numbers of parts(count)) {
        await utils.addJobs(
          numbers.flatMap((n) => {
            const job = { identifier, payload: payloadOf(n) satisfies Data }
            if (race !== 'schedule') return [job]
            return [
              { ...job, runAt: due(n) },
              { ...job, runAt: later },
            ]
          }),
        )
      }
    },
    async start() {
      runner = await run({
        pgPool,
        taskList,
        logger,
        noHandleSignals: true,
        preset: {
          worker: {
            concurrentJobs: settings.concurrentJobs,
            localQueue: { size: settings.localQueue },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
            // When its local queue runs empty it waits so long, ms.
            pollInterval: 10,
          },
        },
      })
    },
    openSql:
      'SELECT EXISTS (SELECT FROM graphile_worker._private_jobs WHERE run_at <= now()) AS open',
    async stop() {
      await runner?.stop()
      await utils.release()
      await pgPool.end()
    },
  }
}

/** Does in one go what is asked for in one turn of the loop, or while the go before is on its way. */
function gather<Item>(work: (items: readonly Item[]) => Promise<unknown>) {
  let waiting: { item: Item; resolve: () => void; reject: (error: unknown) => void }[] = []
  let busy = false
  const drain = async () => {
    busy = true
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        await work(group.map(({ item }) => item))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    busy = false
  }
  return (item: Item) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!busy) void drain()
    })
}
