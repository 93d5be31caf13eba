import { TookTooLong } from './together.ts'

/**
 * Runs work that has `ms` at most. Its signal aborts when the time is up, or when `stop` does; whether
 * the work listens to it or not, the caller goes on.
 *
 * @throws TookTooLong, or what the work threw.
 */
export async function within<T>(
  ms: number,
  what: string,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let abort = (_reason: Error) => {}
  const over = new Promise<never>((_resolve, reject) => {
    abort = (reason) => {
      reject(reason)
      controller.abort(reason)
    }
  })
  // Nobody may be waiting for it any more.
  over.catch(() => {})
  const stopped = () => abort(new TookTooLong(`${what} was cut off: its runner stops`))
  if (stop.aborted) stopped()
  stop.addEventListener('abort', stopped)
  const timer = setTimeout(
    () => abort(new TookTooLong(`${what} took longer than ${Math.max(0, Math.round(ms))} ms`)),
    Math.max(0, ms),
  )
  try {
    return await Promise.race([work(controller.signal), over])
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', stopped)
  }
}
