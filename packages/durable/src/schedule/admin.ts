import type { Tables } from '../tables.ts'

export interface ScheduleSummary {
  readonly name: string
  /** The cron expression with its time zone, or the interval. */
  readonly timing: string
  readonly nextRunAt: Date
  /** The last run that is done. */
  readonly lastDoneAt: Date | null
  /** Runs that are due and not done: under way, late, or waiting for another attempt. */
  readonly waiting: number
  /** Runs among the dead letters, or discarded from there. */
  readonly dead: number
}

export interface JobSummary {
  readonly id: string
  readonly name: string
  readonly key: string | null
  readonly dueAt: Date
  readonly payload: unknown
  /** Attempts that failed. */
  readonly attempts: number
  readonly error: string | null
}

export interface JobFilter {
  readonly name?: string
  /** Only those with at least so many failed attempts; 0 by default. */
  readonly failures?: number
  /** Only those with a higher id: the last one of the page before. */
  readonly after?: string
  /** 100 by default, 1,000 at most. */
  readonly limit?: number
}

/** What an operator sees of schedules and jobs. Dead ones are dead letters of the kind `schedule`. */
export class ScheduleAdmin {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** All of them, by name. */
  async list(): Promise<ScheduleSummary[]> {
    const { prefix, pool } = this.#tables
    const { rows } = await pool.query<ScheduleSummary>(
      `SELECT s.name, s.timing, s.next_run_at AS "nextRunAt",
         max(r.ended_at) FILTER (WHERE r.state = 'done') AS "lastDoneAt",
         count(*) FILTER (WHERE r.state = 'waiting')::int AS waiting,
         count(*) FILTER (WHERE r.state = 'dead')::int AS dead
       FROM ${prefix}schedule s LEFT JOIN ${prefix}schedule_run r USING (name)
       GROUP BY s.name ORDER BY s.name`,
    )
    return rows
  }

  /** Jobs that wait, runs of schedules among them, in the order in which they were asked for. */
  async jobs(filter: JobFilter = {}): Promise<JobSummary[]> {
    const { prefix, pool } = this.#tables
    const { rows } = await pool.query<JobSummary>(
      `SELECT id, name, key, due_at AS "dueAt", payload, attempts, error FROM ${prefix}job
       WHERE id > $1 AND ($2::text IS NULL OR name = $2) AND attempts >= $3
       ORDER BY id LIMIT $4`,
      [
        filter.after ?? '0',
        filter.name ?? null,
        filter.failures ?? 0,
        Math.min(filter.limit ?? 100, 1_000),
      ],
    )
    return rows
  }
}
