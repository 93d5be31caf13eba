import type { ResolvedObjects } from '../objects/objects-plan.ts'
import type { ResolvedObjectsPlan } from '../plan.ts'
import { requestSteps } from './requests.ts'
import { number, type StepPreview } from './steps.ts'

/** The steps of files that move with the requests that write them. */
export function objectsSteps(plan: ResolvedObjectsPlan): StepPreview[] {
  const { holdBudgetMs, attempts } = plan.handover
  return [
    copyOf(plan.objects),
    compareOf(plan.objects),
    ...requestSteps(plan, {
      moves: (buckets) =>
        `writes of ${buckets} buckets are held, ${number(holdBudgetMs)} ms at most, until the service has all of their files; up to ${attempts} attempts`,
      fails: [],
      waits: ['waits while the files are not in step'],
      back: 'the same the other way: what is written at the service is copied back all the time',
    }),
  ]
}

/** How files are copied, in words; beside rows too. */
export function copyOf({ bytesPerSecond, mostGoneShare }: ResolvedObjects): StepPreview {
  const limit =
    bytesPerSecond === Number.POSITIVE_INFINITY
      ? 'as fast as it goes (objects.bytesPerSecond limits it)'
      : `${number(bytesPerSecond)} bytes/s at most`
  return {
    step: 'copy of the files',
    does: [
      `every file is copied, ${limit}, and read back: its SHA-256 must be the same`,
      'what is new, replaced and deleted meanwhile follows; what a kill interrupts is gone on with',
      `more than ${number(mostGoneShare * 100)} % of all files gone at once are not deleted, but told`,
      'way back: banyan cancel; the copies stay where they are',
    ],
  }
}

export function compareOf({ mostProblems }: ResolvedObjects): StepPreview {
  return {
    step: 'comparison of the files',
    does: [
      'every copy is read, and held against its SHA-256; one that differs is copied again',
      `goes on with at most ${number(mostProblems)} files missing or refused`,
    ],
  }
}
