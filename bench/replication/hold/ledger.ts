import type { ControlClient, LedgerEntry } from '@banyan/migration'
import { until } from '../../statistics.ts'

/** A handover that has not ended by then never will, ms. */
const HANDOVER_MS = 60_000

/** Reads an extraction's ledger as it grows, and how long each step of its handovers took. */
export class LedgerReader {
  /** By step, in the order of the protocol, ms: from its intent to the next one's. */
  readonly stepsMs = new Map<string, number[]>()
  readonly #control: ControlClient
  readonly #extraction: string
  #seq = 0
  #step: { readonly name: string; readonly at: number } | null = null

  constructor(control: ControlClient, extraction: string) {
    this.#control = control
    this.#extraction = extraction
  }

  /** What stands there by now does not count. */
  async skip(): Promise<void> {
    await this.#next()
  }

  /**
   * Waits for the handover under way to end.
   *
   * @returns from the hold to the release, as the engine has it, and how many attempts were aborted before.
   * @throws when the extraction pauses, or rolls back without having been asked to.
   */
  async handover(): Promise<{ engineMs: number; aborted: number }> {
    let aborted = 0
    let engineMs: number | null = null
    await until(
      'the handover is done',
      async () => {
        for (const entry of await this.#next()) {
          const { kind, what, detail } = entry
          if (what === 'paused' || (what === 'rollback' && detail.gates)) {
            throw new Error(`the extraction was stopped: ${what} ${JSON.stringify(detail)}`)
          }
          if (what === 'handover aborted') aborted++
          this.#time(entry)
          if (kind === 'fact' && what === 'settle') engineMs = Number(detail.holdMs)
        }
        return engineMs !== null
      },
      HANDOVER_MS,
      50,
    )
    return { engineMs: engineMs!, aborted }
  }

  #time({ kind, what, detail, at }: LedgerEntry): void {
    const now = Date.parse(at)
    const ends = kind === 'fact' && (what === 'settle' || what === 'handover aborted')
    if (kind !== 'intent' && !ends) return
    if (this.#step && what !== 'handover aborted') {
      const times = this.stepsMs.get(this.#step.name) ?? []
      times.push(now - this.#step.at)
      this.stepsMs.set(this.#step.name, times)
    }
    this.#step = ends || detail.attempt === undefined ? null : { name: what, at: now }
  }

  async #next(): Promise<LedgerEntry[]> {
    const { entries } = await this.#control.ledger(this.#extraction, this.#seq)
    this.#seq = entries.at(-1)?.seq ?? this.#seq
    return entries
  }
}
