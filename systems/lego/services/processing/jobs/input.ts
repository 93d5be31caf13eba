import type { Queryable } from '@banyan/postgres'

/** Bytes read from the database at a time. */
const SLICE = 262_144
/** For a storage to begin to answer, ms. */
const ANSWER_MS = 10_000

/** The file cannot be had now; the job is tried again. */
export class FileUnreachable extends Error {}

export interface Input {
  readonly bytes: AsyncIterable<Uint8Array>
  /** null where the storage does not say. */
  readonly total: number | null
}

/** The file that came with the request. */
export async function storedInput(db: Queryable, jobId: string): Promise<Input> {
  const { rows } = await db.query<{ total: number }>(
    'SELECT octet_length(content) AS total FROM processing.job_inputs WHERE job_id = $1',
    [jobId],
  )
  const total = rows[0]?.total ?? 0
  return { total, bytes: slices(db, jobId, total) }
}

async function* slices(db: Queryable, jobId: string, total: number): AsyncGenerator<Uint8Array> {
  for (let from = 1; from <= total; from += SLICE) {
    const { rows } = await db.query<{ slice: Buffer }>(
      `SELECT substring(content FROM $2 FOR ${SLICE}) AS slice
       FROM processing.job_inputs WHERE job_id = $1`,
      [jobId, from],
    )
    if (rows[0]) yield rows[0].slice
  }
}

/** The file at an address. @throws FileUnreachable */
export async function fetchedInput(url: string, signal: AbortSignal): Promise<Input> {
  const begin = new AbortController()
  const timer = setTimeout(() => begin.abort(new Error(`no answer in ${ANSWER_MS} ms`)), ANSWER_MS)
  try {
    // Redirects could lead anywhere, so none is followed.
    const answer = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.any([begin.signal, signal]),
    })
    if (!answer.ok || !answer.body) {
      await answer.body?.cancel()
      throw new FileUnreachable(`The storage answered ${answer.status}`)
    }
    const length = answer.headers.get('content-length')
    return { total: length === null ? null : Number(length), bytes: told(answer.body) }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof FileUnreachable) throw error
    throw new FileUnreachable(`The file cannot be fetched: ${reasonOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

async function* told(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw new FileUnreachable(`The file broke off: ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error }
  return cause?.message || message
}
