import { type Plan, resolveExtraction } from '../plan.ts'
import { indexSteps, routesSteps } from './requests.ts'
import type { StepPreview } from './steps.ts'
import { tablesSteps } from './tables.ts'

/**
 * The steps an extraction will take, with every object by its name and every gate in numbers. Reads the
 * databases for estimates and sequences when they can be reached, and says so when they cannot.
 *
 * @throws BanyanError BAD_PLAN, NO_SUCH_EXTRACTION
 */
export async function previewSteps(plan: Plan, extraction: string): Promise<StepPreview[]> {
  const resolved = resolveExtraction(plan, extraction)
  switch (resolved.kind) {
    case 'tables':
      return tablesSteps(resolved, plan.monolith.databaseUrl)
    case 'routes':
      return routesSteps(resolved)
    case 'index':
      return indexSteps(resolved)
  }
}

export type { StepPreview }
