import { clientSteps } from './clients.ts'
import { orphanSteps } from './flip.ts'
import { leaseSteps } from './gateways.ts'
import { ENGINES, type State } from './state.ts'
import { engineSteps } from './steps.ts'
import { copySteps, streamSteps } from './streams.ts'
import type { Emit, World } from './world.ts'

/** Everything that can happen next in `s`, one step at a time. */
export function successors(s: State, w: World, emit: Emit): void {
  for (const engine of ENGINES) engineSteps(s, w, engine, emit)
  orphanSteps(s, w, emit)
  streamSteps(s, w, emit)
  if (w.bounds.copy || w.bounds.repairs > 0) copySteps(s, w, emit)
  leaseSteps(s, w, emit)
  clientSteps(s, w, emit)
}
