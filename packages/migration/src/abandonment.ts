import { abandon, answers, closeTarget, finishWithoutTarget } from './abandon.ts'
import type { TablesDependencies } from './dependencies.ts'
import { initialStatus } from './report.ts'
import type { ExtractionRow } from './store.ts'
import { Transitions } from './transitions.ts'

/** How often an abandoned target is looked for, ms: until it is closed, it takes stray writes. */
const LOOK_FOR_TARGET_MS = 1_000

/** An extraction whose target an operator has given up: the source takes back, and a target that returns is closed. */
export class Abandonment {
  readonly #d: TablesDependencies
  readonly #to: Transitions
  #lookAt = 0
  #waitsFor: readonly string[] = []

  constructor(dependencies: TablesDependencies) {
    this.#d = dependencies
    this.#to = new Transitions(dependencies)
  }

  get waitsFor(): readonly string[] {
    return this.#waitsFor
  }

  async begin(row: ExtractionRow, signal: AbortSignal): Promise<void> {
    this.#waitsFor = ['the source to take everything back']
    const { streams, at } = row.status ?? initialStatus(row, 'tables')
    const { lagMs, lagBytes } = streams.reverse
    // Back after all since it was decided: two databases must not take writes all the same.
    if (await answers(this.#d.plan.service.databaseUrl)) await closeTarget(this.#d)
    const done = await abandon(this.#d, signal)
    await this.#to.enter(row, 'abandoned', { ...done, lastHeard: at, lagMs, lagBytes }, 0, [])
  }

  /**
   * Closes the target should it come back, and waits for the end.
   *
   * @returns whether it is there and the extraction can be ended on both sides.
   */
  async returned(row: ExtractionRow): Promise<boolean> {
    const wanted = row.wanted.some((one) => one === 'cancel' || one === 'cancelling')
    if (!wanted && Date.now() < this.#lookAt) return false
    this.#lookAt = Date.now() + LOOK_FOR_TARGET_MS
    const there = await answers(this.#d.plan.service.databaseUrl)
    this.#waitsFor = there
      ? ['cancel']
      : ['the target, to be closed should it come back; or cancel']
    if (there) await this.#close()
    if (!wanted) return false
    if (there) {
      if (!row.wanted.includes('cancelling')) await this.#to.begin(row, 'cancel')
      return row.wanted.includes('cancelling')
    }
    await finishWithoutTarget(this.#d)
    const detail = { target: 'left as it was: it was away' }
    await this.#to.enter(row, 'cancelled', detail, undefined, [])
    return false
  }

  async #close(): Promise<void> {
    const buckets = await closeTarget(this.#d)
    if (buckets === 0) return
    await this.#d.ledger.append(this.#d.plan.name, this.#d.term, [
      { kind: 'fact', what: 'target closed', detail: { buckets } },
    ])
  }
}
