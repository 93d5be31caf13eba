import type { Seat } from './messages.ts'

/**
 * Places of workers. A worker that takes the place of one that died has its admin address, which tells the control plane
 * that the former is gone: no handover waits for its lease (decision 003).
 */
export class Seats {
  /** In front of the workers' own; 0 when all take free ones. */
  readonly #port: number
  readonly #taken = new Set<number>()
  /** Free ports that were found, by place. */
  readonly #found = new Map<number, number>()

  constructor(port: number) {
    this.#port = port
  }

  take(): Seat {
    let number = 1
    while (this.#taken.has(number)) number++
    this.#taken.add(number)
    const adminPort = this.#port === 0 ? (this.#found.get(number) ?? 0) : this.#port + number
    return { number, adminPort }
  }

  give({ number }: Seat): void {
    this.#taken.delete(number)
  }

  /** @param adminPort 0 when it could not be had. */
  reachedAt({ number }: Seat, adminPort: number): void {
    this.#found.set(number, adminPort)
  }
}
