import type { Phase } from './status.ts'

/**
 * Which phases may follow each; the store refuses every other change, and the picture in docs/concepts.md is
 * held against it. A share that follows a share stays `canary`.
 */
export const PHASE_CHANGES: Readonly<Record<Phase, readonly Phase[]>> = {
  // An extraction of kind `routes` has nothing to copy or to compare.
  planned: ['copying', 'shadowing', 'cancelled'],
  copying: ['verifying', 'cancelled', 'abandoned'],
  verifying: ['shadowing', 'cancelled', 'abandoned'],
  shadowing: ['canary', 'cancelled', 'abandoned'],
  canary: ['cut over', 'rolling back', 'abandoned'],
  'cut over': ['soaking', 'rolling back', 'abandoned'],
  soaking: ['completed', 'rolling back', 'abandoned'],
  completed: [],
  'rolling back': ['rolled back', 'abandoned'],
  'rolled back': ['canary', 'cancelled', 'abandoned'],
  abandoned: ['cancelled'],
  cancelled: ['copying', 'shadowing'],
}

/** @throws Error for a change that no extraction makes: a fault of this program, not of what was asked. */
export function checkPhaseChange(from: Phase, to: Phase): void {
  if (from === to || PHASE_CHANGES[from].includes(to)) return
  const allowed = PHASE_CHANGES[from].join(', ') || 'none'
  throw new Error(`an extraction that is ${from} cannot become ${to}; it can become: ${allowed}`)
}
