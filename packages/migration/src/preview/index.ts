import { type Plan, type ResolvedExtraction, resolveExtraction, resolveNotify } from '../plan.ts'
import { shownAddress } from '../webhooks/setting.ts'
import { compareOf, copyOf, objectsSteps } from './objects.ts'
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
  const steps = await stepsOf(resolveExtraction(plan, extraction), plan.monolith.databaseUrl)
  return [...steps, ...told(plan, extraction)]
}

/** Who hears of all this; no step where nobody does. */
function told(plan: Plan, extraction: string): StepPreview[] {
  const does = resolveNotify(plan)
    .filter(({ extractions }) => extractions?.includes(extraction) ?? true)
    .map((one) => `"${one.name}" (${shownAddress(one)}) is told of ${one.about.join(', ')}`)
  return does.length > 0 ? [{ step: 'meanwhile', does }] : []
}

/** The same of an extraction by itself. @param sourceUrl null: no database is asked. */
export async function stepsOf(
  resolved: ResolvedExtraction,
  sourceUrl: string | null,
): Promise<StepPreview[]> {
  switch (resolved.kind) {
    case 'tables': {
      const { objects } = resolved
      const steps = await tablesSteps(resolved, sourceUrl)
      if (!objects) return steps
      // Beside the copy of the rows, and its comparison.
      return [...steps.slice(0, 3), copyOf(objects), compareOf(objects), ...steps.slice(3)]
    }
    case 'objects':
      return objectsSteps(resolved)
    case 'routes':
      return routesSteps(resolved)
    case 'index':
      return indexSteps(resolved)
  }
}

export type { StepPreview }
