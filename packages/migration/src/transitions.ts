import type { ExtractionDependencies } from './dependencies.ts'
import type { Phase } from './status.ts'
import type { ExtractionRow, Store } from './store.ts'

/**
 * What an engine changes about its extraction's row, each with its entry in the ledger. An operator may
 * have been quicker: then nothing is changed, and the next look at the row decides anew.
 */
export class Transitions {
  readonly #d: Pick<ExtractionDependencies, 'store' | 'term'>

  constructor(dependencies: Pick<ExtractionDependencies, 'store' | 'term'>) {
    this.#d = dependencies
  }

  async enter(
    row: ExtractionRow,
    phase: Phase,
    detail: Record<string, unknown>,
    goal?: number,
    wanted?: [],
  ): Promise<void> {
    await this.change(
      row,
      { phase, ...(goal === undefined ? {} : { goal }), ...(wanted ? { wanted } : {}) },
      phase,
      { ...detail, ...(goal === undefined ? {} : { percent: goal }) },
    )
  }

  /**
   * From this commit on the extraction only ends: an engine that starts in the middle of it must not
   * install anew what was taken away.
   */
  async begin(row: ExtractionRow, what: 'complete' | 'cancel'): Promise<void> {
    const wanted = what === 'complete' ? ('completing' as const) : ('cancelling' as const)
    await this.change(row, { wanted: [wanted] }, what, {}, 'intent')
  }

  async pause(row: ExtractionRow, why: string, detail?: Record<string, unknown>): Promise<void> {
    await this.change(row, { paused: true, pausedWhy: why }, 'paused', detail ?? { why })
  }

  /** @param what null: nothing that the ledger must tell. */
  async change(
    row: ExtractionRow,
    change: Parameters<Store['change']>[2],
    what: string | null,
    detail: Record<string, unknown> = {},
    kind: 'intent' | 'fact' | 'decision' = 'fact',
  ): Promise<void> {
    const entries = what === null ? [] : [{ kind, what, detail }]
    await this.#d.store.change(row, this.#d.term, change, entries)
  }
}
