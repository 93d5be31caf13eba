export type { ColumnSource, TableSpec } from '@banyan/replication'
export type { DropPreview } from './archive/dependents.ts'
export { inspectDrop } from './archive/drop.ts'
export { checkFiles } from './archive/files.ts'
export { openArchive, sealOf } from './archive/manifest.ts'
export { restoreArchive } from './archive/restore.ts'
export { scriptTables, type TableScript } from './archive/script.ts'
export { writeArchive } from './archive/write.ts'
export { hasToken, type Identify, isSame, type SignedIn } from './callers.ts'
export { consequence } from './consequences.ts'
export { ControlClient, type ControlClientOptions, ControlError } from './control-client.ts'
export { databaseReach, diagnose, type Finding, type Severity } from './doctor/index.ts'
export { type ConsoleParts, type EngineOptions, type RunningEngine, startEngine } from './engine.ts'
export { STEPS as HANDOVER_STEPS } from './handover.ts'
export {
  definePlan,
  type ExtractionPlan,
  type GatePlan,
  type IndexPlan,
  movedTables,
  type ObjectsOnlyPlan,
  type Plan,
  type RequestGates,
  type ResolvedExtraction,
  type RoutesPlan,
  resolveExtraction,
  resolvePlan,
  type ServicePlan,
  type TablesPlan,
} from './plan.ts'
export { keepsAnswers } from './plan-schema.ts'
export { previewSteps, type StepPreview } from './preview/index.ts'
export { quantile } from './quantile.ts'
export type { ActionRequest } from './requests.ts'
export { targetsOf } from './services.ts'
export {
  ACTIONS,
  type Action,
  type ActionPreview,
  type ControlEvent,
  type ControlStatus,
  type DivergentRow,
  type DurableTrouble,
  type ExtractionStatus,
  type GateFigure,
  type GatewayStatus,
  type HandoverRecord,
  type LedgerEntry,
  type MappedExtraction,
  type OldTables,
  PHASES,
  type Phase,
  type RecentTraffic,
  type RepairAnswer,
  ROLES,
  type Role,
  type SystemMap,
  type ThrottleStatus,
  type Why,
} from './status.ts'
