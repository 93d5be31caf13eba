import type { Claimable } from '@banyan/durable'
import type { ServiceContext, Transaction } from '@banyan/service'
import {
  FileProcessingCompleted,
  FileProcessingFailed,
  FileProcessingStarted,
  MOST_LOTS_SAID,
} from '../events.ts'
import type { Format } from '../formats/detect.ts'
import type { Problem } from '../formats/entry.ts'
import type { ReadOptions } from '../formats/part-list.ts'
import type { JobFailure, JobTotals, LotFound } from '../messages.ts'
import type { BrickLinkSettings } from '../prices/settings.ts'
import type * as tables from '../schema.ts'
import { bareUrl } from './jobs.ts'
import { writeLots } from './lot-pages.ts'

export type Context = Pick<
  ServiceContext<ProcessingConfig, typeof tables>,
  'transaction' | 'pool' | 'log' | 'config' | 'metrics'
>

export interface ProcessingConfig {
  readonly FILE_ORIGINS: readonly string[]
  readonly JOBS_AT_ONCE: number
  readonly MAX_FILE_BYTES: number
  /** null where nobody may ask BrickLink for prices. */
  readonly BRICKLINK: BrickLinkSettings | null
}

/** Jobs that nobody works on: new ones, and those whose process ended under them. */
export const CLAIMABLE: Claimable = {
  table: 'jobs',
  ready: `state IN ('queued', 'running')`,
  order: 'created_at',
  set: `state = 'running', attempts = attempts + 1,
    started_at = coalesce(started_at, clock_timestamp())`,
  returning: `t.id, t.token, t.owner_id, t.reference, t.file_url, t.options, t.attempts`,
}

/** A job as it was claimed. */
export interface ClaimedJob {
  readonly id: string
  readonly token: string
  readonly owner_id: string
  readonly reference: string | null
  readonly file_url: string | null
  readonly options: ReadOptions
  readonly attempts: number
}

/** Somebody else has the job, or it was cancelled: what was done for it is for nothing. */
export class JobLost extends Error {}

type Tx = Transaction<typeof tables>

/** What one claim may write about its job; every write is refused once the claim is lost. */
export class ClaimedJobStore {
  readonly #context: Context
  readonly #job: ClaimedJob

  constructor(context: Context, job: ClaimedJob) {
    this.#context = context
    this.#job = job
  }

  /** Says that it has begun, once however often it begins. @throws JobLost */
  async announce(): Promise<void> {
    await this.#context.transaction(async (tx) => {
      const { rows } = await tx.client.query<{ first: boolean }>(
        `UPDATE processing.jobs new SET announced = true FROM processing.jobs old
         WHERE new.id = $1 AND new.token = $2 AND old.id = new.id
         RETURNING NOT old.announced AS first`,
        [this.#job.id, this.#job.token],
      )
      if (!rows[0]) throw new JobLost()
      if (rows[0].first) await tx.publish(FileProcessingStarted.of(this.#payload()), this.#key())
    })
  }

  /** @throws JobLost */
  async progress(bytesRead: number, bytesTotal: number | null, linesRead: number): Promise<void> {
    const { rowCount } = await this.#context.pool.query(
      `UPDATE processing.jobs SET bytes_read = $3, bytes_total = $4, lines_read = $5
       WHERE id = $1 AND token = $2`,
      [this.#job.id, this.#job.token, bytesRead, bytesTotal, linesRead],
    )
    if (rowCount === 0) throw new JobLost()
  }

  /** Writes down what the file holds and says so, in one transaction. @throws JobLost */
  async complete(
    format: Format,
    bytesRead: number,
    totals: JobTotals,
    lots: readonly LotFound[],
    problems: readonly Problem[],
  ): Promise<void> {
    await this.#context.transaction(async (tx) => {
      await this.#end(tx, 'completed', { format, totals, bytesRead })
      await writeLots(tx.client, this.#job.id, lots)
      if (problems.length > 0) await this.#writeProblems(tx, problems)
      const parsedData = {
        format,
        totals,
        lots: lots.length > MOST_LOTS_SAID ? null : [...lots],
        lotsPath: `/v1/jobs/${this.#job.id}/lots`,
      }
      await tx.publish(FileProcessingCompleted.of({ ...this.#payload(), parsedData }), this.#key())
    })
  }

  /** @throws JobLost */
  async fail(error: JobFailure): Promise<void> {
    await this.#context.transaction(async (tx) => {
      await this.#end(tx, 'failed', { failure: error })
      await tx.publish(FileProcessingFailed.of({ ...this.#payload(), error }), this.#key())
    })
  }

  /** Gives the job back, to be taken again in `waitMs`. `uncounted`: the attempt was not the job's fault. */
  async release(waitMs: number, uncounted: boolean): Promise<void> {
    await this.#context.pool.query(
      `UPDATE processing.jobs SET state = 'queued', attempts = attempts - $4::int,
         leased_until = clock_timestamp() + $3 * interval '1 ms',
         token = nextval('processing.lease_token')
       WHERE id = $1 AND token = $2`,
      [this.#job.id, this.#job.token, waitMs, Number(uncounted)],
    )
  }

  async #end(
    tx: Tx,
    state: 'completed' | 'failed',
    ended: {
      readonly format?: Format
      readonly totals?: JobTotals
      readonly bytesRead?: number
      readonly failure?: JobFailure
    },
  ): Promise<void> {
    const { format, totals, bytesRead, failure } = ended
    const { rowCount } = await tx.client.query(
      `WITH ended AS (
         UPDATE processing.jobs SET state = $3, format = $4, totals = $5, failure = $6,
           lines_read = coalesce($7, lines_read), bytes_read = coalesce($8, bytes_read),
           ended_at = clock_timestamp()
         WHERE id = $1 AND token = $2 RETURNING id
       ), read AS (
         DELETE FROM processing.job_inputs WHERE job_id IN (SELECT id FROM ended)
       ) SELECT FROM ended`,
      [this.#job.id, this.#job.token, state, format, totals, failure, totals?.lines, bytesRead],
    )
    if (rowCount === 0) throw new JobLost()
  }

  async #writeProblems(tx: Tx, problems: readonly Problem[]): Promise<void> {
    const lines = problems.map(({ line, code, message }) => JSON.stringify({ line, code, message }))
    await tx.client.query(
      `INSERT INTO processing.job_problems (job_id, position, problem)
       SELECT $1, place - 1, value FROM unnest($2::jsonb[]) WITH ORDINALITY AS new (value, place)`,
      [this.#job.id, lines],
    )
  }

  #payload() {
    const { id: jobId, owner_id: ownerId, reference, file_url: url } = this.#job
    return { jobId, ownerId, reference, fileUrl: bareUrl(url) }
  }

  #key() {
    return { key: this.#job.id }
  }
}
