import { type Goal, type GoalOf, judgeAll } from '../goals.ts'
import type { Figures } from './measurement.ts'

/** What the engine is held to. Bounds belong to the goal: exactly reached is met. */
const GOALS: readonly GoalOf<Figures>[] = [
  { name: 'copy.ratioToCopyPipe', of: ({ copy }) => copy?.ratioToCopyPipe, atLeast: 0.8 },
  { name: 'copy.ratioToNativeSync', of: ({ copy }) => copy?.ratioToNativeSync, atLeast: 1 },
  { name: 'apply.ratioToNative', of: ({ apply }) => apply?.ratioToNative, atLeast: 1 },
  { name: 'lagMs.p99', of: ({ lagMs }) => lagMs?.p99, atMost: 250 },
  // A lag at less than the load it is about says nothing.
  {
    name: 'lagMs.transactionsPerSecond',
    of: ({ lagMs }) => lagMs?.transactionsPerSecond,
    atLeast: 1_960,
  },
  { name: 'guardOverhead', of: ({ guardOverhead }) => guardOverhead, atMost: 0.15 },
  {
    name: 'largeTransactionRssMb',
    of: ({ largeTransactionRssMb }) => largeTransactionRssMb,
    atMost: 512,
  },
  { name: 'holdMs.p50', of: ({ holdMs }) => holdMs?.p50, atMost: 100 },
  { name: 'holdMs.p99', of: ({ holdMs }) => holdMs?.p99, atMost: 500 },
  { name: 'holdMs.writesPerSecond', of: ({ holdMs }) => holdMs?.writesPerSecond, atLeast: 490 },
  { name: 'holdMs.failures', of: ({ holdMs }) => holdMs?.failures, atMost: 0 },
  { name: 'holdMs.lostWrites', of: ({ holdMs }) => holdMs?.lostWrites, atMost: 0 },
]

export function judge(figures: Figures): Goal[] {
  return judgeAll(GOALS, figures)
}
