import { Failure } from './failure.ts'

/** The first look, the longest pause between two, and how each grows, ms. What is watched counts in the limits too. */
const FIRST_MS = 600
const LONGEST_MS = 4_000
const GROWTH = 1.4

/** How long to wait before look `n`, from 0; ms. */
export function pauseBefore(n: number): number {
  return Math.min(FIRST_MS * GROWTH ** n, LONGEST_MS)
}

/**
 * Asks until the answer is `over`; one that does not come is waited for too, since what is watched goes on all the same.
 *
 * @param patienceMs after this nobody knows any more: answers what came last, or null
 * @throws Failure that will not pass; what `signal` was ended with
 */
export async function watch<T>(
  ask: () => Promise<T>,
  over: (answer: T) => boolean,
  { patienceMs, signal }: { patienceMs: number; signal?: AbortSignal },
): Promise<T | null> {
  const deadline = Date.now() + patienceMs
  let last: T | null = null
  for (let n = 0; Date.now() < deadline; n++) {
    await new Promise((resolve) => setTimeout(resolve, pauseBefore(n)))
    signal?.throwIfAborted()
    try {
      last = await ask()
      if (over(last)) return last
    } catch (error) {
      if (!(error instanceof Failure && error.passing)) throw error
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? 0))
    }
  }
  return last
}
