import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import { storable } from '../storable.ts'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'
import type { JobDefinition } from './definition.ts'

export interface JobKey {
  /** At most one job of this definition waits with this key. */
  readonly key?: string
  /**
   * When one waits already: `replace` (the default) gives it the new time and payload, so that work is
   * put off as long as it is asked for; `keep` leaves it as it is.
   */
  readonly existing?: 'replace' | 'keep'
  /** Of the request that asks for it: correlation id, traceparent. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks for work at a later time, in the caller's transaction. */
export class Jobs {
  readonly #insert: Readonly<Record<'replace' | 'keep', string>>
  readonly #delete: string

  constructor(tables: Tables) {
    const job = `${tables.prefix}job`
    const insert = (onConflict: string) => `
      WITH written AS (
        INSERT INTO ${job} (name, key, payload, due_at, headers)
        SELECT $1, key, payload, coalesce(at, now() + wait_ms * interval '1 ms'), headers
        FROM unnest($2::text[], $3::jsonb[], $4::timestamptz[], $5::float8[], $6::jsonb[])
          AS new (key, payload, at, wait_ms, headers)
        ON CONFLICT (name, key) WHERE key IS NOT NULL ${onConflict}
        RETURNING due_at
      )
      ${wakeSql(tables, 'schedule')} AND EXISTS (SELECT FROM written WHERE due_at <= now())`
    this.#insert = {
      keep: insert('DO NOTHING'),
      replace: insert(
        'DO UPDATE SET payload = excluded.payload, due_at = excluded.due_at, headers = excluded.headers, attempts = 0, error = NULL',
      ),
    }
    this.#delete = `DELETE FROM ${job} WHERE name = $1 AND key = $2`
  }

  /**
   * Runs a job not before `when`, if the transaction commits.
   *
   * @throws BAD_JOB_PAYLOAD
   */
  async at<Payload>(
    tx: Queryable,
    job: JobDefinition<Payload>,
    when: Date,
    payload: Payload,
    key: JobKey = {},
  ): Promise<void> {
    await this.addMany(tx, job, [{ when, payload, ...key }], key.existing)
  }

  /**
   * Runs a job `waitMs` after the transaction began, by the clock of the database; 0 is as soon as it has
   * committed.
   *
   * @throws BAD_JOB_PAYLOAD
   */
  async after<Payload>(
    tx: Queryable,
    job: JobDefinition<Payload>,
    waitMs: number,
    payload: Payload,
    key: JobKey = {},
  ): Promise<void> {
    await this.addMany(tx, job, [{ waitMs, payload, ...key }], key.existing)
  }

  /** Many in one statement; of several with one key the last one counts. */
  async addMany<Payload>(
    tx: Queryable,
    job: JobDefinition<Payload>,
    wanted: readonly ({ readonly payload: Payload } & Omit<JobKey, 'existing'> &
      ({ readonly when: Date } | { readonly waitMs: number }))[],
    existing: 'replace' | 'keep' = 'replace',
  ): Promise<void> {
    const rows = lastOfEachKey(wanted)
    await tx.query(this.#insert[existing], [
      job.name,
      rows.map(({ key }) => key ?? null),
      rows.map(({ payload }) => payloadText(job, payload)),
      rows.map((row) => ('when' in row ? row.when.toISOString() : null)),
      rows.map((row) => ('waitMs' in row ? row.waitMs : null)),
      rows.map(({ headers }) => JSON.stringify(headers ?? {})),
    ])
  }

  /** @returns whether one was waiting; one that is being run now is not called back. */
  async cancel(tx: Queryable, job: JobDefinition, key: string): Promise<boolean> {
    const { rowCount } = await tx.query(this.#delete, [job.name, key])
    return rowCount === 1
  }
}

function lastOfEachKey<Row extends { readonly key?: string }>(rows: readonly Row[]): Row[] {
  const last = new Map(rows.map((row) => [row.key ?? Symbol('no key'), row]))
  return [...last.values()]
}

function payloadText<Payload>(job: JobDefinition<Payload>, payload: Payload): string {
  const read = job.payload.safeParse(payload)
  const refuse = (reason: string) => new BanyanError('BAD_JOB_PAYLOAD', { job: job.name, reason })
  if (!read.success) {
    throw refuse(read.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '))
  }
  try {
    return storable('The payload', payload)
  } catch (error) {
    throw refuse((error as Error).message)
  }
}
