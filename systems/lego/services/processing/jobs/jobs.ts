import type { Queryable } from '@banyan/postgres'
import { type Database, defineErrors, noSuch } from '@banyan/service'
import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm'
import type { Job, NewJob } from '../messages.ts'
import type * as tables from '../schema.ts'
import { jobInputs, jobProblems, jobs } from '../schema.ts'
import { readLots } from './lot-pages.ts'

/** The service's own database, in a transaction or not. */
type Db = Database<typeof tables>

/** Jobs of one owner that have not ended; more would keep everybody else waiting. */
const MOST_UNFINISHED = 200

const fail = defineErrors('processing', {
  FILE_URL_NOT_ALLOWED: {
    status: 422,
    title: 'Files are not read from there',
    detail: 'Files are read from {allowed}; given was {given}',
  },
  TOO_MANY_JOBS: {
    status: 429,
    title: 'Too many unfinished jobs',
    detail: 'At most {most} jobs of a user may be unfinished; wait for some to end',
  },
  JOB_ENDED: {
    status: 409,
    title: 'The job has ended',
    detail: 'The job is {state}: only one that is queued or running can be cancelled',
  },
  EMPTY_CONTENT: {
    status: 422,
    title: 'Nothing to read',
    detail: 'content is no base64, or empty',
  },
})

/**
 * Writes a job down, and the file if it came along: nothing acknowledged is only in memory.
 *
 * @param origins that files may be fetched from: any other address would let a user reach what the
 *   service can and they cannot
 * @throws ServiceError FILE_URL_NOT_ALLOWED, TOO_MANY_JOBS, EMPTY_CONTENT
 */
export async function createJob(
  db: Db,
  ownerId: string,
  given: NewJob,
  origins: readonly string[],
) {
  const { fileUrl, content, fileName, reference, ...options } = given
  if (fileUrl !== undefined && !origins.includes(new URL(fileUrl).origin)) {
    const allowed = origins.join(', ') || 'no address: send the file itself'
    throw fail('FILE_URL_NOT_ALLOWED', { allowed, given: new URL(fileUrl).origin })
  }
  const bytes = content === undefined ? null : Buffer.from(content, 'base64')
  if (bytes?.length === 0) throw fail('EMPTY_CONTENT')
  const unfinished = await db.$count(
    jobs,
    and(eq(jobs.ownerId, ownerId), inArray(jobs.state, ['queued', 'running'])),
  )
  if (unfinished >= MOST_UNFINISHED) throw fail('TOO_MANY_JOBS', { most: MOST_UNFINISHED })
  const [job] = await db
    .insert(jobs)
    .values({
      ownerId,
      reference,
      fileName,
      fileUrl: fileUrl ?? null,
      options,
      bytesTotal: bytes?.length ?? null,
      createdAt: sql`clock_timestamp()`,
    })
    .returning({ jobId: jobs.id, state: jobs.state })
  if (bytes) await db.insert(jobInputs).values({ jobId: job!.jobId, content: bytes })
  return job!
}

/** What is shown of a job; by plain SQL, since whoever waits for one asks each second. */
const SHOWN = `SELECT id, state, reference, file_name AS "fileName", file_url AS "fileUrl", format,
    bytes_read::float8 AS "bytesRead", bytes_total::float8 AS "bytesTotal", lines_read AS "linesRead",
    totals, failure, created_at AS "createdAt", started_at AS "startedAt", ended_at AS "endedAt"
  FROM processing.jobs WHERE id = $1 AND ($2::text IS NULL OR owner_id = $2)`

/** @param ownerId null for a service, which may ask for everybody's. @throws BanyanError NOT_FOUND */
export async function getJob(db: Queryable, ownerId: string | null, jobId: string): Promise<Job> {
  const { rows } = await db.query<ShownJob>(SHOWN, [jobId, ownerId])
  if (!rows[0]) throw noSuch('job')
  return view(rows[0])
}

/**
 * Ends a job. Whoever works on it has lost its claim by that, and ends too.
 *
 * @throws BanyanError NOT_FOUND; ServiceError JOB_ENDED
 */
export async function cancelJob(
  { db, client }: { readonly db: Db; readonly client: Queryable },
  ownerId: string | null,
  jobId: string,
) {
  const [row] = await db
    .update(jobs)
    .set({
      state: 'cancelled',
      token: sql`nextval('processing.lease_token')`,
      endedAt: sql`clock_timestamp()`,
      failure: { code: 'CANCELLED', message: 'The job was cancelled', line: null },
    })
    .where(and(own(ownerId, jobId), inArray(jobs.state, ['queued', 'running'])))
    .returning()
  if (row) {
    await db.delete(jobInputs).where(eq(jobInputs.jobId, jobId))
    return { job: view(row), ownerId: row.ownerId }
  }
  throw fail('JOB_ENDED', { state: (await getJob(client, ownerId, jobId)).state })
}

interface PageOf {
  readonly after: number
  readonly limit: number
}

/** @throws BanyanError NOT_FOUND */
export async function listLots(
  pool: Queryable,
  ownerId: string | null,
  jobId: string,
  { after, limit, unresolved }: PageOf & { readonly unresolved: 'true' | 'false' },
) {
  await getJob(pool, ownerId, jobId)
  const rows = await readLots(pool, jobId, { after, limit, unresolved: unresolved === 'true' })
  return { lots: rows.map(({ lot }) => lot), next: nextOf(rows, limit) }
}

/** @throws BanyanError NOT_FOUND */
export async function listProblems(
  { db, pool }: { readonly db: Db; readonly pool: Queryable },
  ownerId: string | null,
  jobId: string,
  { after, limit }: PageOf,
) {
  await getJob(pool, ownerId, jobId)
  const rows = await db
    .select()
    .from(jobProblems)
    .where(and(eq(jobProblems.jobId, jobId), gt(jobProblems.position, after)))
    .orderBy(asc(jobProblems.position))
    .limit(limit)
  return { problems: rows.map(({ problem }) => problem), next: nextOf(rows, limit) }
}

/** Where the next page begins; null when this is not full, and so the last. */
function nextOf(rows: readonly { readonly position: number }[], limit: number): number | null {
  return rows.length < limit ? null : rows.at(-1)!.position
}

function own(ownerId: string | null, jobId: string) {
  return and(eq(jobs.id, jobId), ownerId === null ? undefined : eq(jobs.ownerId, ownerId))
}

/** The address without its query: a signature in it opens the file to whoever reads it. */
export function bareUrl(url: string | null): string | null {
  return url?.split(/[?#]/, 1)[0] ?? null
}

type ShownJob = Pick<
  typeof jobs.$inferSelect,
  | 'id'
  | 'state'
  | 'reference'
  | 'fileName'
  | 'fileUrl'
  | 'format'
  | 'bytesRead'
  | 'bytesTotal'
  | 'linesRead'
  | 'totals'
  | 'failure'
  | 'createdAt'
  | 'startedAt'
  | 'endedAt'
>

function view(row: ShownJob): Job {
  return {
    jobId: row.id,
    state: row.state,
    reference: row.reference,
    fileName: row.fileName,
    fileUrl: bareUrl(row.fileUrl),
    format: row.format,
    progress: {
      bytesRead: row.bytesRead,
      bytesTotal: row.bytesTotal,
      linesRead: row.linesRead,
    },
    totals: row.totals,
    failure: row.failure,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  }
}
