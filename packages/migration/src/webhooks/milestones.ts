import type { ExtractionDependencies } from '../dependencies.ts'
import type { ExtractionRow } from '../store.ts'
import { AWAITS, STEP_DONE } from './occasion.ts'

/**
 * What whoever is told wants to know, and no decision or phase says: each once in the ledger, also when an engine is gone between
 * the deed and the entry.
 */
export class Milestones {
  readonly #d: Pick<ExtractionDependencies, 'ledger' | 'term' | 'plan'>
  /** Since when what was noted last is so, by what it is. */
  readonly #noted = new Map<string, string>()

  constructor(dependencies: Pick<ExtractionDependencies, 'ledger' | 'term' | 'plan'>) {
    this.#d = dependencies
  }

  /** The service has the users of a step. */
  stepDone(row: ExtractionRow, step: string): Promise<void> {
    return this.#note(STEP_DONE, row, { step, percent: row.goal })
  }

  /** All else is done: the next step is somebody's to decide. */
  awaits(row: ExtractionRow, decision: 'promote' | 'complete'): Promise<void> {
    return this.#note(AWAITS, row, { for: decision })
  }

  async #note(what: string, row: ExtractionRow, detail: Record<string, unknown>): Promise<void> {
    const since = row.phaseSince.toISOString()
    if (this.#noted.get(what) === since) return
    const { ledger, term, plan } = this.#d
    const [last] = await ledger.search({
      extraction: plan.name,
      kind: 'fact',
      text: what,
      limit: 1,
    })
    if (last?.what !== what || last.detail.since !== since) {
      await ledger.append(plan.name, term, [{ kind: 'fact', what, detail: { ...detail, since } }])
    }
    this.#noted.set(what, since)
  }
}
