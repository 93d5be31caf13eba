import { defineErrors, noSuch, type Transaction } from '@banyan/service'
import type { Estimate, EstimateFound, EstimateQuery } from '../messages.ts'
import type * as tables from '../schema.ts'
import type { Stopped } from './bricklink.ts'

/** Terms that a job is estimated on: each is asked for by itself, and the day's calls are everybody's. */
const MOST_OF_A_JOB = 4
/** A price older than this, in SQL, is asked for again when an estimate begins. */
export const FRESH = `interval '7 days'`

const fail = defineErrors('processing', {
  NO_PRICES: {
    status: 404,
    title: 'There are no prices here',
    detail:
      "Estimates are made with BrickLink's prices, and this installation has no keys of BrickLink's (BRICKLINK_CONSUMER_KEY and its like)",
  },
  NOTHING_TO_ESTIMATE: {
    status: 409,
    title: 'The job has no lots to estimate',
    detail: 'The job is {state}: lots are estimated once it is completed',
  },
  TOO_MANY_ESTIMATES: {
    status: 429,
    title: 'Too many estimates of one job',
    detail: 'A job is estimated on {most} combinations of condition and currency; it has {given}',
  },
})

interface EstimateRow {
  readonly state: Estimate['state']
  readonly found: EstimateFound | null
  readonly stopped: Stopped | null
  readonly leased_until: Date
}

/**
 * The estimate of a job's lots, as far as it is known; begins it, to be made in the background, where there
 * is none yet on these terms, or none of the last days.
 *
 * @param ownerId null for a service, which may ask for everybody's
 * @param prices whether BrickLink may be asked
 * @throws BanyanError NOT_FOUND; ServiceError NO_PRICES, NOTHING_TO_ESTIMATE, TOO_MANY_ESTIMATES
 */
export async function estimateOf(
  { client }: Pick<Transaction<typeof tables>, 'client'>,
  ownerId: string | null,
  jobId: string,
  { condition, currency }: EstimateQuery,
  prices: boolean,
): Promise<Estimate> {
  const { rows: jobs } = await client.query<{ state: string; lots: number | null }>(
    `SELECT state, (totals ->> 'lots')::int AS lots FROM processing.jobs
     WHERE id = $1 AND ($2::text IS NULL OR owner_id = $2)`,
    [jobId, ownerId],
  )
  const job = jobs[0]
  if (!job) throw noSuch('job')
  if (!prices) throw fail('NO_PRICES')
  if (job.state !== 'completed') throw fail('NOTHING_TO_ESTIMATE', { state: job.state })
  const { rows: others } = await client.query<{ count: number }>(
    `SELECT count(*)::int FROM processing.estimates
     WHERE job_id = $1 AND (condition, currency) <> ($2, $3)`,
    [jobId, condition, currency],
  )
  const given = others[0]!.count
  if (given >= MOST_OF_A_JOB) throw fail('TOO_MANY_ESTIMATES', { most: MOST_OF_A_JOB, given })
  await client.query(
    `INSERT INTO processing.estimates AS old (job_id, condition, currency) VALUES ($1, $2, $3)
     ON CONFLICT (job_id, condition, currency) DO UPDATE
       SET state = 'working', begun_at = clock_timestamp(), leased_until = '-infinity'
       WHERE old.state = 'completed' AND old.begun_at < clock_timestamp() - ${FRESH}`,
    [jobId, condition, currency],
  )
  const { rows } = await client.query<EstimateRow>(
    `SELECT state, found, stopped, leased_until FROM processing.estimates
     WHERE job_id = $1 AND condition = $2 AND currency = $3`,
    [jobId, condition, currency],
  )
  const { state, found, stopped, leased_until: until } = rows[0]!
  const waits = state === 'waiting' && stopped !== null
  return {
    jobId,
    state,
    condition,
    currency,
    ...(found ?? nothingYet(job.lots ?? 0)),
    stopped: waits ? { code: stopped, until: until.toISOString() } : null,
  }
}

function nothingYet(lots: number): EstimateFound {
  const unpriced: EstimateFound['unpriced'] = lots > 0 ? { NOT_ASKED_YET: lots } : {}
  return { total: '0.0000', lots, pricedLots: 0, unpriced, shortLots: 0, oldestPriceAt: null }
}
