/** Pauses, ms, before each further attempt: a hiccup, a restart, a deploy. Then a dead letter. */
export const RETRY_DELAYS_MS: readonly number[] = [100, 5_000, 60_000]

/** What is kept of an error: its text, of a length that a row can bear. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.replaceAll('\0', '').slice(0, 2_000)
}

/** Thrown by a handler that knows that no further attempt will help: a dead letter at once. */
export class Unprocessable extends Error {
  override readonly name = 'Unprocessable'
}
