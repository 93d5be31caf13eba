import type { Queryable } from '@banyan/postgres'
import type { Tables } from '../tables.ts'

/** A job that this process is running. */
export interface TakenJob {
  readonly id: string
  readonly name: string
  readonly payload: unknown
  /** Since 1970, ms. */
  readonly dueMs: number
  readonly occurrence: Date | null
  readonly attempts: number
  readonly headers: Readonly<Record<string, string>>
}

/** A job whose attempt failed: what becomes of it. */
export interface FailedJob {
  readonly job: TakenJob
  readonly error: string
  /** Wait before the next attempt, ms; null makes a dead letter of it. */
  readonly waitMs: number | null
}

/** What a group is made of. */
export interface Picked {
  readonly ids: readonly string[]
  /** Whether it is one that failed before. */
  readonly again: boolean
}

// A time as a number: to read it as text costs as much as all the other columns.
const COLUMNS = `j.id, j.name, j.payload, extract(epoch FROM j.due_at)::float8 * 1000 AS "dueMs",
  j.occurrence, j.attempts, j.headers`

/** The statements that run jobs. */
export class JobStore {
  readonly #tables: Tables
  readonly #pick: string
  readonly #take: string
  readonly #done: string
  readonly #retry: string
  readonly #bury: string
  readonly #abandoned: string

  constructor(tables: Tables) {
    this.#tables = tables
    const { prefix } = tables
    const due = (attempts: string) => `
      SELECT id FROM ${prefix}job
      WHERE due_at <= now() AND attempts ${attempts} AND name = ANY ($1)
        AND id NOT IN (SELECT unnest(jobs) FROM ${prefix}job_group)`
    // Of those that failed before one alone, or it would drag others along, or down with it.
    this.#pick = `
      WITH quick AS (
        -- A server that crashes forgets it, and was not crashed by a job.
        SELECT set_config('synchronous_commit', 'off', true)
      ), fresh AS (
        ${due('= 0')} ORDER BY due_at LIMIT $2
      ), again AS (
        ${due('> 0')} AND NOT EXISTS (SELECT FROM fresh) ORDER BY due_at LIMIT 1
      ), picked AS (
        SELECT id FROM fresh UNION ALL SELECT id FROM again
      ), made AS (
        INSERT INTO ${prefix}job_group (id, jobs)
        SELECT $3, array_agg(picked.id) FROM picked, quick HAVING count(*) > 0 RETURNING jobs
      )
      SELECT jobs AS ids, EXISTS (SELECT FROM again) AS again FROM made`
    // Two that pick at the same moment may pick the same ones: here it is settled who has each.
    this.#take = `
      WITH free AS (
        SELECT ctid AS place FROM ${prefix}job
        WHERE id = ANY ($1::bigint[]) AND due_at <= now() FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${prefix}job j USING free WHERE j.ctid = free.place RETURNING ${COLUMNS}`
    this.#done = `
      WITH over AS (DELETE FROM ${prefix}job_group WHERE id = ANY ($3::uuid[]))
      UPDATE ${prefix}schedule_run r SET state = 'done', ended_at = now()
      FROM unnest($1::text[], $2::timestamptz[]) AS done (name, due_at)
      WHERE r.name = done.name AND r.due_at = done.due_at`
    const failed = `unnest($1::bigint[], $2::int[], $3::text[], $4::float8[])
      AS failed (id, attempts, error, wait_ms)`
    this.#retry = `
      UPDATE ${prefix}job j
      SET attempts = j.attempts + 1, error = failed.error,
        due_at = now() + failed.wait_ms * interval '1 ms'
      FROM ${failed} WHERE j.id = failed.id AND j.attempts = failed.attempts`
    this.#bury = `
      WITH dead AS (
        DELETE FROM ${prefix}job j USING ${failed}
        WHERE j.id = failed.id AND j.attempts = failed.attempts
        RETURNING j.*, failed.error AS last_error
      ), run AS (
        UPDATE ${prefix}schedule_run r SET state = 'dead', ended_at = now()
        FROM dead WHERE r.name = dead.name AND r.due_at = dead.occurrence
      )
      INSERT INTO ${prefix}dead_letter (kind, source, subject, key, body, error, attempts)
      SELECT 'schedule', name, coalesce(occurrence::text, 'job'), coalesce(key, ''),
        json_build_object('name', name, 'key', key, 'payload', payload, 'occurrence', occurrence,
          'headers', headers),
        last_error, attempts + 1
      FROM dead`
    this.#abandoned = `
      WITH stale AS (
        SELECT id, jobs FROM ${prefix}job_group
        WHERE taken_at < clock_timestamp() - $1 * interval '1 ms' FOR UPDATE SKIP LOCKED
      ), free AS (
        SELECT ctid AS place, id FROM ${prefix}job
        WHERE id IN (SELECT unnest(jobs) FROM stale) FOR UPDATE SKIP LOCKED
      ), over AS (
        SELECT id, jobs FROM stale WHERE NOT EXISTS (
          SELECT FROM ${prefix}job j
          WHERE j.id = ANY (stale.jobs) AND j.id NOT IN (SELECT id FROM free))
      ), counted AS (
        UPDATE ${prefix}job j SET attempts = attempts + 1,
          error = 'the process that ran it ended in the middle of it'
        FROM free WHERE j.ctid = free.place AND j.id IN (SELECT unnest(jobs) FROM over)
      )
      DELETE FROM ${prefix}job_group g USING over WHERE g.id = over.id`
  }

  /** In SQL: when the first job is due that nobody runs, of those with these names. */
  dueAt(names: string): string {
    const { prefix } = this.#tables
    const first = (attempts: string) => `(
      SELECT due_at FROM ${prefix}job
      WHERE attempts ${attempts} AND name = ANY (${names})
        AND id NOT IN (SELECT unnest(jobs) FROM ${prefix}job_group)
      ORDER BY due_at LIMIT 1)`
    return `least(${first('= 0')}, ${first('> 0')})`
  }

  /** In SQL: when the oldest group counts as abandoned. */
  abandonedAt(olderMs: string): string {
    return `(SELECT min(taken_at) + ${olderMs} * interval '1 ms' FROM ${this.#tables.prefix}job_group)`
  }

  /**
   * Finds due jobs and says who is going to run them: at most `limit`, or where there are none, one that failed before.
   *
   * @returns null when there is none.
   */
  async pick(group: string, names: readonly string[], limit: number): Promise<Picked | null> {
    const { rows } = await this.#tables.pool.query<Picked>(this.#pick, [names, limit, group])
    return rows[0] ?? null
  }

  /** Takes those of the jobs that are there out of the table; they are back if it does not commit. */
  async take(tx: Queryable, ids: readonly string[]): Promise<TakenJob[]> {
    return (await tx.query<TakenJob>(this.#take, [ids])).rows
  }

  /** Says that these groups are not being run any more. */
  async withdraw(db: Queryable, groups: readonly string[]): Promise<void> {
    if (groups.length === 0) return
    await db.query(`DELETE FROM ${this.#tables.prefix}job_group WHERE id = ANY ($1::uuid[])`, [
      groups,
    ])
  }

  /** Notes runs of schedules that are done, and that groups which are done with are not being run any more. */
  async finish(tx: Queryable, jobs: readonly TakenJob[], groups: readonly string[]): Promise<void> {
    const runs = jobs.filter((job) => job.occurrence !== null)
    if (runs.length === 0) return this.withdraw(tx, groups)
    const names = runs.map((job) => job.name)
    await tx.query(this.#done, [names, runs.map((job) => job.occurrence), groups])
  }

  /** Puts failed jobs off, or among the dead letters. Counts each attempt once. */
  async fail(failures: readonly FailedJob[]): Promise<void> {
    const again = failures.filter((failure) => failure.waitMs !== null)
    const dead = failures.filter((failure) => failure.waitMs === null)
    if (again.length > 0) await this.#tables.pool.query(this.#retry, arrays(again))
    if (dead.length > 0) await this.#tables.pool.query(this.#bury, arrays(dead))
  }

  /** Counts an attempt for jobs whose process ended while it ran them, `olderMs` ago or more. */
  async countAbandoned(olderMs: number): Promise<void> {
    await this.#tables.pool.query(this.#abandoned, [olderMs])
  }
}

function arrays(failures: readonly FailedJob[]): unknown[] {
  return [
    failures.map(({ job }) => job.id),
    failures.map(({ job }) => job.attempts),
    failures.map(({ error }) => error),
    failures.map(({ waitMs }) => waitMs),
  ]
}
