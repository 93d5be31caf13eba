import { createPool, type Pool } from '@banyan/postgres'
import { type Check, Health } from '@banyan/service/http'
import type { Plan } from './plan.ts'

/** Longer than a readiness check waits for an answer, ms. */
const ANSWER_MS = 3_000

export interface EngineHealth {
  readonly health: Health
  close(): Promise<void>
}

/**
 * An engine is ready when its control database is: without a side's database it still takes decisions and
 * tells what is wrong, so those are shown and not required.
 */
export function watchHealth(control: Pool, { monolith, extractions }: Plan): EngineHealth {
  // Of its own, and at rest closed: that of an extraction is there only on the engine that leads.
  const watched = (url: string) =>
    createPool(url, { name: 'banyan/readiness', max: 1, answerTimeoutMs: ANSWER_MS })
  const sides = [
    { name: 'source', pool: watched(monolith.databaseUrl) },
    ...extractions.flatMap((one) =>
      'databaseUrl' in one.service
        ? [{ name: `target of ${one.name}`, pool: watched(one.service.databaseUrl) }]
        : [],
    ),
  ]
  const asking = (name: string, pool: Pool, required: boolean): Check => ({
    name,
    required,
    check: () => pool.query('SELECT 1'),
  })
  const health = new Health([
    asking('control', control, true),
    ...sides.map(({ name, pool }) => asking(name, pool, false)),
  ])
  return {
    health,
    close: async () => {
      await Promise.all(sides.map(({ pool }) => pool.end()))
    },
  }
}
