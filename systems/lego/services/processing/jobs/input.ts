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
  const first = await sliceOf(db, jobId, 1)
  return { total: first?.total ?? 0, bytes: slices(db, jobId, first) }
}

interface Slice {
  readonly slice: Buffer
  readonly total: number
}

async function* slices(
  db: Queryable,
  jobId: string,
  first: Slice | undefined,
): AsyncGenerator<Uint8Array> {
  let read = first
  for (let from = 1; read; ) {
    yield read.slice
    from += SLICE
    read = from <= read.total ? await sliceOf(db, jobId, from) : undefined
  }
}

async function sliceOf(db: Queryable, jobId: string, from: number): Promise<Slice | undefined> {
  const { rows } = await db.query<Slice>(
    `SELECT substring(content FROM $2 FOR ${SLICE}) AS slice, octet_length(content) AS total
     FROM processing.job_inputs WHERE job_id = $1`,
    [jobId, from],
  )
  return rows[0]
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
