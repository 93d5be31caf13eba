export { checkHistory, type FinalValue, type Initial, type Verdict } from './check.ts'
export { type Comparison, compareRows, type KeyedRow, orderedRows } from './compare.ts'
export {
  HistoryFile,
  type Observation,
  type Operation,
  type Outcome,
  readHistory,
  type Write,
} from './history.ts'
export { findLeftovers } from './leftovers.ts'
export {
  type Answer,
  type Client,
  type Conclusion,
  isRefusal,
  Load,
  type LoadCounts,
  type LoadOptions,
  type Step,
} from './load.ts'
export { ManagedProcess, type ProcessEvent, type ProcessOptions } from './managed-process.ts'
export { Random } from './random.ts'
export { Screen } from './screen.ts'
export { percentile } from './statistics.ts'
export { Supervisor, type SupervisorOptions } from './supervisor.ts'
