import { Bag, type Bagged } from './bag.ts'

/** A request on its way at a side, as far as a handover is concerned. */
export interface Flight extends Bagged {
  readonly bucket: number
  readonly write: boolean
  readonly correlationId: string
  /** An event stream or WebSocket: never waited for, ended when its bucket changes sides. */
  endStream: (() => void) | null
  readonly side: 'source' | 'target'
}

/** What a hold is about. */
export interface HoldScope {
  readonly buckets: { has(bucket: number): boolean }
  readonly reads: boolean
}

interface Waiter {
  readonly scope: HoldScope
  count: number
  readonly resolve: () => void
}

/** Every request of one extraction that is at a side now. */
export class InFlight {
  readonly #flights = new Bag<Flight>()
  readonly #waiters = new Set<Waiter>()

  start(flight: Flight): void {
    this.#flights.add(flight)
    if (this.#waiters.size === 0) return
    for (const waiter of this.#waiters) if (concerns(waiter.scope, flight)) waiter.count++
  }

  finish(flight: Flight): void {
    if (!this.#flights.delete(flight) || flight.endStream) return
    this.#left(flight)
  }

  /** The flight turned out to be a stream: what a drain waits for is over once its head is through. */
  becomeStream(flight: Flight, end: () => void): void {
    if (flight.place === -1 || flight.endStream) return
    flight.endStream = end
    this.#left(flight)
  }

  /** Whether a write of this bucket with this correlation id is in flight: its nested calls pass a hold. */
  hasWrite(bucket: number, correlationId: string): boolean {
    for (const flight of this.#flights) {
      if (flight.write && flight.bucket === bucket && flight.correlationId === correlationId) {
        return true
      }
    }
    return false
  }

  count(scope: HoldScope): number {
    let count = 0
    for (const flight of this.#flights) {
      if (!flight.endStream && concerns(scope, flight)) count++
    }
    return count
  }

  /** Ends the streams that are no longer at their bucket's side. */
  endStreams(isMisplaced: (flight: Flight) => boolean): void {
    for (const flight of this.#flights)
      if (flight.endStream && isMisplaced(flight)) flight.endStream()
  }

  /** Waits up to `timeoutMs` until nothing of the scope is in flight; answers how many still are. */
  async drained(scope: HoldScope, timeoutMs: number): Promise<number> {
    const count = this.count(scope)
    if (count === 0 || timeoutMs <= 0) return count
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, timeoutMs)
      const waiter: Waiter = { scope, count, resolve: done }
      const waiters = this.#waiters
      waiters.add(waiter)
      function done() {
        clearTimeout(timer)
        waiters.delete(waiter)
        resolve()
      }
    })
    return this.count(scope)
  }

  #left(flight: Flight): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#waiters) {
      if (concerns(waiter.scope, flight) && --waiter.count === 0) waiter.resolve()
    }
  }
}

function concerns(scope: HoldScope, flight: Flight): boolean {
  return (flight.write || scope.reads) && scope.buckets.has(flight.bucket)
}
