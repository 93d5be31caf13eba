import { setTimeout as delay } from 'node:timers/promises'

export interface PaceOptions {
  /** Share of the time that may be spent at work, above 0 to 1; asked again and again while resting. */
  share(): number
  /** Whether something more important has fallen behind, so that work stands back. */
  behind(): boolean
  /** Whether users are held just now: then nobody is in so much of a hurry as they. */
  held?(): boolean
  readonly signal?: AbortSignal | undefined
}

/** A rest is taken in slices, so that one who is in a hurry by now is not kept waiting, ms. */
const SLICE_MS = 50
/** Standing back for longer than this would be giving up, ms. */
const STAND_BACK_MS = 10_000

/** What `verify` calls after each chunk: rests in proportion to the work, and stands back when told to. */
export function paced(options: PaceOptions): (workedMs: number) => Promise<void> {
  const rest = () => delay(SLICE_MS, undefined, options.signal ? { signal: options.signal } : {})
  return async (workedMs) => {
    const began = performance.now()
    const rested = () => performance.now() - began
    while (rested() < workedMs * (1 / options.share() - 1)) await rest()
    const standsBack = () => options.held?.() || (options.behind() && options.share() < 1)
    while (standsBack() && rested() < STAND_BACK_MS) await rest()
  }
}
