// Not all of it: who writes a plan is not to load an engine, nor check its types.
export { definePlan, type ExtractionPlan, type Plan } from '@banyan/migration/plan'
export { EXIT } from './exit.ts'
export { run } from './run.ts'
export type { Terminal } from './terminal.ts'
