import { setTimeout as delay } from 'node:timers/promises'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { CONNECTIONS, type Contender, type Race, type Setting, STEPS } from './contender.ts'

/**
 * As durable as PostgreSQL comes. Checkpoints and autovacuum come when they like, and would fall on one
 * contender and not on the other: they are made to come between filling and running instead.
 */
export const SERVER_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '256MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
} as const

/** Without a handler called for so long, ms, something is wrong. */
const STALLED_MS = 30_000

export interface RunOf {
  readonly server: EmbeddedPostgres
  readonly race: Race
  /** Pieces of work. */
  readonly count: number
  readonly open: (setting: Setting) => Promise<Contender>
}

/** Fills a fresh database and lets one contender empty it. @returns handler calls a second. */
export async function runOnce({ server, race, count, open }: RunOf): Promise<number> {
  const name = `race_${Math.random().toString(36).slice(2)}`
  const url = await server.createDatabase(name)
  const pool = createPool(url, { name: 'bench', max: CONNECTIONS })
  const watch = createPool(url, { name: 'watch', max: 1 })
  let calls = 0
  const wanted = race === 'saga' ? count * STEPS : count
  try {
    const contender = await open({
      url,
      pool,
      race,
      handled: (more) => {
        calls += more
      },
    })
    let seconds: number
    try {
      await contender.fill(count)
      await watch.query('VACUUM ANALYZE')
      await watch.query('CHECKPOINT')
      const began = performance.now()
      await contender.start()
      await handledAll(() => calls, wanted)
      await recorded(watch, contender.openSql)
      seconds = (performance.now() - began) / 1000
    } finally {
      await contender.stop()
    }
    if (calls !== wanted) throw new Error(`${wanted} pieces of work were handled ${calls} times`)
    return wanted / seconds
  } finally {
    await pool.end()
    await watch.end()
    await drop(server, name)
  }
}

async function handledAll(calls: () => number, wanted: number): Promise<void> {
  let seen = 0
  let movedAt = performance.now()
  while (calls() < wanted) {
    if (calls() > seen) {
      seen = calls()
      movedAt = performance.now()
    } else if (performance.now() - movedAt > STALLED_MS) {
      throw new Error(`stands still after ${seen} of ${wanted}`)
    }
    await delay(5)
  }
}

/** Handled is not done: what counts is that the database says so. */
async function recorded(watch: Pool, openSql: string): Promise<void> {
  const deadline = performance.now() + STALLED_MS
  for (;;) {
    const { rows } = await watch.query<{ open: boolean }>(openSql)
    if (!rows[0]!.open) return
    if (performance.now() > deadline) throw new Error('all is handled, but not recorded as done')
    await delay(5)
  }
}

/** What a round has written must not slow the next one down. */
async function drop(server: EmbeddedPostgres, name: string): Promise<void> {
  const admin = createPool(server.url(), { name: 'bench', max: 1 })
  try {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  } finally {
    await admin.end()
  }
}
