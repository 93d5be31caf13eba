import type { DueSql } from '../lookout.ts'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'
import type { ScheduleDefinition } from './definition.ts'
import { dueRuns } from './timing.ts'

interface DueSchedule {
  readonly name: string
  readonly next: Date
  /** The same to the microsecond. */
  readonly found: string
  readonly now: Date
}

/** Makes jobs of schedules that are due: of each due time one, whoever else does the same. */
export class Agenda {
  readonly #tables: Tables
  readonly #schedules: ReadonlyMap<string, ScheduleDefinition>

  constructor(tables: Tables, schedules: readonly ScheduleDefinition[]) {
    this.#tables = tables
    this.#schedules = new Map(schedules.map((schedule) => [schedule.name, schedule]))
  }

  /**
   * Says which schedules there are. A new one, or one with other times than before, is due from now on;
   * one that nobody has spoken of for `forgetMs` is deleted with the jobs it made that still wait.
   */
  async tell(forgetMs: number): Promise<void> {
    const { prefix, pool } = this.#tables
    const schedules = [...this.#schedules.values()]
    const now = await this.#now()
    const nexts = schedules.map(({ timing }) => timing.after(now))
    // A cron of past years only: there is nothing to keep.
    const live = schedules.flatMap((schedule, i) =>
      nexts[i] ? [{ schedule, next: nexts[i] }] : [],
    )
    await pool.query(
      `INSERT INTO ${prefix}schedule AS s (name, timing, next_run_at)
       SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS told (name, timing, next)
       ORDER BY name
       ON CONFLICT (name) DO UPDATE SET seen_at = now(), timing = excluded.timing,
         next_run_at = CASE WHEN s.timing = excluded.timing THEN s.next_run_at
                            ELSE excluded.next_run_at END`,
      [
        live.map(({ schedule }) => schedule.name),
        live.map(({ schedule }) => schedule.timing.text),
        live.map(({ next }) => next),
      ],
    )
    await pool.query(
      `WITH forgotten AS (
         DELETE FROM ${prefix}schedule WHERE seen_at < now() - $1 * interval '1 ms' RETURNING name
       ), runs AS (
         DELETE FROM ${prefix}schedule_run WHERE name IN (SELECT name FROM forgotten)
           OR state <> 'waiting' AND due_at < now() - interval '30 days'
       )
       DELETE FROM ${prefix}job
       WHERE occurrence IS NOT NULL AND name IN (SELECT name FROM forgotten)`,
      [forgetMs],
    )
  }

  /** In SQL: when the first schedule is due. */
  dueAt(value: Parameters<DueSql>[0]): string {
    return `(SELECT min(nullif(next_run_at, 'infinity')) FROM ${this.#tables.prefix}schedule
      WHERE name = ANY (${value([...this.#schedules.keys()])}))`
  }

  /** @returns how many jobs were made. */
  async plan(): Promise<number> {
    const { prefix, pool } = this.#tables
    if (this.#schedules.size === 0) return 0
    const { rows } = await pool.query<DueSchedule>(
      `SELECT name, next_run_at AS next, next_run_at::text AS found, now() AS now FROM ${prefix}schedule
       WHERE name = ANY ($1) AND next_run_at <= now()`,
      [[...this.#schedules.keys()]],
    )
    if (rows.length === 0) return 0
    const due: { name: string; at: Date }[] = []
    const nexts: { name: string; at: Date | null }[] = []
    for (const { name, next, now } of rows) {
      const { timing, misfire, toleranceMs } = this.#schedules.get(name)!
      const runs = dueRuns(timing, misfire, next, now, toleranceMs)
      due.push(...runs.due.map((at) => ({ name, at })))
      nexts.push({ name, at: runs.next })
    }
    // One that somebody else has planned meanwhile, or is planning, has another next time, or is locked.
    const made = await pool.query<{ jobs: number }>(
      `WITH held AS (
         SELECT s.name, n.at
         FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n (name, found, at)
         JOIN ${prefix}schedule s ON s.name = n.name AND s.next_run_at = n.found
         FOR UPDATE OF s SKIP LOCKED
       ), planned AS (
         UPDATE ${prefix}schedule s SET next_run_at = coalesce(held.at, 'infinity')
         FROM held WHERE s.name = held.name RETURNING s.name
       ), run AS (
         INSERT INTO ${prefix}schedule_run (name, due_at)
         SELECT due.name, due.at FROM unnest($4::text[], $5::timestamptz[]) AS due (name, at)
         JOIN planned USING (name)
         ON CONFLICT DO NOTHING RETURNING name, due_at
       ), job AS (
         INSERT INTO ${prefix}job (name, payload, due_at, occurrence)
         SELECT name, 'null', due_at, due_at FROM run RETURNING id
       ), woken AS (${wakeSql(this.#tables, 'schedule')})
       SELECT count(*)::int AS jobs FROM job, (SELECT count(*) FROM woken) AS told`,
      [
        rows.map(({ name }) => name),
        rows.map(({ found }) => found),
        nexts.map(({ at }) => at),
        due.map(({ name }) => name),
        due.map(({ at }) => at),
      ],
    )
    return made.rows[0]!.jobs
  }

  /** By the clock of the database: those of two schedulers may differ. */
  async #now(): Promise<Date> {
    const { rows } = await this.#tables.pool.query<{ now: Date }>('SELECT now() AS now')
    return rows[0]!.now
  }
}
