import type { Pool } from '@banyan/postgres'
import { sleep } from './lease.ts'
import type { ThrottlePlan } from './plan.ts'
import type { ThrottleStatus } from './status.ts'

/** What a database server says of how busy it is with others' work. */
export interface Load {
  /** Client sessions at work, ours left out, as are those that wait for a lock or their client. */
  readonly activeSessions: number
  readonly maxConnections: number
  /** How long it took to answer this very question, ms. */
  readonly answerMs: number
  /** Replay lag of the worst physical standby, ms; 0 without one, or without pg_monitor. */
  readonly standbyLagMs: number
}

export interface Readings {
  readonly lagMs: number | null
  readonly source: Load | null
  readonly target: Load | null
}

/** What holds the copy back, and how far beyond its bound it is: 1 is the bound. */
interface Pressure {
  readonly by: NonNullable<ThrottleStatus['by']>
  readonly ratio: number
  readonly why: string
}

const LOOK_MS = 500
/** Never slower by itself, rows/s: a server that is always busy would never be copied. */
const SLOWEST = 100
/** From here on it is no limit any more, rows/s. */
const FASTEST = 1_000_000
/** A quarter of the sessions it allows: where the plan names no number. */
const SHARE_OF_CONNECTIONS = 0.25

/**
 * Slows the copy while the stream lags or a server is busy with other work: halved each half second
 * beyond a bound, and half as much again once everything is well below it.
 */
export class Brake {
  readonly #plan: Required<ThrottlePlan>
  #rowsPerSecond = Number.POSITIVE_INFINITY
  #pressure: Pressure | null = null

  constructor(plan: Required<ThrottlePlan>) {
    this.#plan = plan
  }

  /** rows/s; Infinity while nothing is in the way. */
  get rowsPerSecond(): number {
    return this.#rowsPerSecond
  }

  get pressure(): Pressure | null {
    return this.#pressure
  }

  /** @param copied rows/s now. */
  judge(readings: Readings, copied: number): void {
    const worst = pressures(this.#plan, readings).sort((a, b) => b.ratio - a.ratio)[0]
    if (!worst) return
    if (worst.ratio > 1) {
      this.#pressure = worst
      this.#rowsPerSecond = Math.max(SLOWEST, Math.min(this.#rowsPerSecond, copied) / 2)
    } else if (worst.ratio < 0.8 && this.#pressure) {
      this.#rowsPerSecond *= 1.5
      if (this.#rowsPerSecond < FASTEST) return
      this.#rowsPerSecond = Number.POSITIVE_INFINITY
      this.#pressure = null
    }
  }

  /** Looks and judges until aborted. */
  async watch(
    read: () => Promise<Readings>,
    copiedRows: () => number,
    signal: AbortSignal,
  ): Promise<void> {
    let before = copiedRows()
    while (!signal.aborted) {
      await sleep(LOOK_MS, signal)
      const readings = await read()
      const now = copiedRows()
      this.judge(readings, ((now - before) * 1000) / LOOK_MS)
      before = now
    }
  }
}

/** @returns null when the server does not answer: the streams and the lease deal with that. */
export async function readLoad(pool: Pool): Promise<Load | null> {
  try {
    const client = await pool.connect()
    try {
      const asked = performance.now()
      const { rows } = await client.query<Omit<Load, 'answerMs'>>(
        `SELECT (SELECT count(*) FROM pg_stat_activity
                  WHERE state = 'active' AND backend_type = 'client backend'
                    AND application_name NOT LIKE 'banyan%'
                    AND wait_event_type IS DISTINCT FROM 'Lock'
                    AND wait_event_type IS DISTINCT FROM 'Client')::int AS "activeSessions",
                current_setting('max_connections')::int AS "maxConnections",
                coalesce((SELECT max(extract(epoch FROM r.replay_lag) * 1000) FROM pg_stat_replication r
                  WHERE NOT EXISTS (SELECT FROM pg_replication_slots s
                                     WHERE s.active_pid = r.pid AND s.slot_type = 'logical')), 0)::float8
                  AS "standbyLagMs"`,
      )
      return { ...rows[0]!, answerMs: Math.round(performance.now() - asked) }
    } finally {
      client.release()
    }
  } catch {
    return null
  }
}

function pressures(plan: Required<ThrottlePlan>, readings: Readings): Pressure[] {
  const { lagMs } = readings
  const found: Pressure[] = []
  if (lagMs !== null) {
    const why = `the stream lags ${Math.round(lagMs)} ms, the bound is ${plan.lagMs} ms`
    found.push({ by: 'lag', ratio: lagMs / plan.lagMs, why })
  }
  for (const side of ['source', 'target'] as const) {
    const load = readings[side]
    if (!load) continue
    const by = `${side} load` as const
    const most =
      plan.activeSessions ?? Math.max(8, Math.floor(load.maxConnections * SHARE_OF_CONNECTIONS))
    found.push(
      {
        by,
        ratio: load.activeSessions / most,
        why: `${load.activeSessions} sessions are at work on the ${side}, the bound is ${most}`,
      },
      {
        by,
        ratio: load.answerMs / plan.answerMs,
        why: `the ${side} took ${load.answerMs} ms to answer, the bound is ${plan.answerMs} ms`,
      },
      {
        by,
        ratio: load.standbyLagMs / plan.standbyLagMs,
        why: `a standby of the ${side} lags ${Math.round(load.standbyLagMs)} ms, the bound is ${plan.standbyLagMs} ms`,
      },
    )
  }
  return found
}
