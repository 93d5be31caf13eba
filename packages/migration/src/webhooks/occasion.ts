import { type LedgerEntry, PHASES } from '../status.ts'
import type { About } from './setting.ts'

/** What an entry of the ledger is to those who are told. */
export interface Occasion {
  readonly about: readonly About[]
  /** In a sentence. */
  readonly text: string
}

/** Entries of the engine that are none of the phases'. */
export const STEP_DONE = 'step done'
export const AWAITS = 'awaits a person'

/** Null: nobody is told. */
export function occasionOf({ extraction, kind, what, detail }: LedgerEntry): Occasion | null {
  const told = (about: readonly About[], text: string) => ({
    about,
    text: `${extraction}: ${text}`,
  })
  const { by, why, percent, gates } = detail as Partial<Record<string, unknown>>
  const because = typeof why === 'string' ? ` (${why})` : ''
  if (kind === 'decision') {
    if (what !== 'rollback') return told(['decisions'], `${what} by ${String(by)}${because}`)
    const failed = Array.isArray(gates) ? `its gates fail: ${gates.join('; ')}` : null
    return told(
      ['rollbacks', 'decisions'],
      `rolling back, ${failed ?? `decided by ${String(by)}${because}`}`,
    )
  }
  if (kind !== 'fact') return null
  if (what === 'paused') return told(['person'], `paused, and waits for a person${because}`)
  if (what === AWAITS)
    return told(['person'], `waits for a person: banyan ${String(detail.for)} ${extraction}`)
  if (what === STEP_DONE) return told(['steps'], `${String(detail.step)} is done`)
  if (!(PHASES as readonly string[]).includes(what)) return null
  const share = percent === undefined ? '' : `, to ${String(percent)} %`
  const ends =
    what === 'rolled back'
      ? (['rollbacks', 'steps'] as const)
      : what === 'completed'
        ? (['steps'] as const)
        : []
  return told(['phases', ...ends], `${what}${share}`)
}
