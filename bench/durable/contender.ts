import type { Pool } from '@banyan/postgres'

/** What is measured beside other queues. */
export type Race = 'relay' | 'saga' | 'schedule'
export const RACES: readonly Race[] = ['relay', 'saga', 'schedule']

/** Steps of a saga, links of a chain of jobs. */
export const STEPS = 5
/** Keys of the events; only the relay keeps their order. */
export const KEYS = 1_000
/** As many connections for each contender. */
export const CONNECTIONS = 10

/** A queue in a database of its own, with one worker in this process. */
export interface Contender {
  /** Puts so many pieces of work there: events, sagas, or jobs that are due. Not measured. */
  fill(count: number): Promise<void>
  /** Measured from here; handlers do nothing and call `handled`. */
  start(): Promise<void>
  /** Answers `open`: whether there is work that is not yet recorded as done. */
  readonly openSql: string
  stop(): Promise<void>
}

export interface Setting {
  readonly url: string
  readonly pool: Pool
  readonly race: Race
  /** So many calls of a handler, at once. */
  readonly handled: (count: number) => void
}

/** What a job or event carries: about 250 bytes. */
export function payloadOf(n: number): { readonly n: number; readonly text: string } {
  return { n, text: 'x'.repeat(200) }
}

/** A time that is past, as if the work had become due in the last minute; and one that is far off. */
export function dueTimes(): { readonly due: (n: number) => Date; readonly later: Date } {
  const now = Date.now()
  return {
    due: (n) => new Date(now - 60_000 + (n % 59_000)),
    later: new Date(now + 86_400_000),
  }
}

/** Numbers from 0 to `count`, in parts. */
export function* parts(count: number, size = 1_000): Generator<number[]> {
  for (let first = 0; first < count; first += size) {
    yield Array.from({ length: Math.min(size, count - first) }, (_, i) => first + i)
  }
}
