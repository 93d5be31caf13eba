import type { Dispatcher, Pool } from 'undici'

/** What a request was answered with, when all of it was there. */
export interface Answer {
  readonly status: number
  /** Empty where nobody reads it. */
  readonly text: string
}

/**
 * Sends a request and waits for the end of its answer. Without a stream for each of them, as `request` has it: what the
 * generator takes is taken from what it measures.
 *
 * @throws what undici says of connections and times
 */
export function answerOf(
  pool: Pool,
  options: Dispatcher.DispatchOptions,
  reads: boolean,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0
    const chunks: Buffer[] = []
    pool.dispatch(options, {
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        status = statusCode
      },
      onResponseData(_controller, chunk) {
        if (reads) chunks.push(chunk)
      },
      onResponseEnd() {
        resolve({ status, text: reads ? Buffer.concat(chunks).toString() : '' })
      },
      onResponseError(_controller, error) {
        reject(error)
      },
    })
  })
}
