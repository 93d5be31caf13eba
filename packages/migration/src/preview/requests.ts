import type { ResolvedIndex, ResolvedRequests, ResolvedRoutes } from '../plan.ts'
import { type CanaryWords, canary, number, type StepPreview, shadowing, soak } from './steps.ts'

const moves = (buckets: string) =>
  `the gateways send requests of ${buckets} buckets to the service; nobody is held`

/** The steps of requests that move alone: no database is read or changed. */
export function routesSteps(plan: ResolvedRoutes): StepPreview[] {
  return requestSteps(plan, {
    moves,
    fails: [],
    waits: [],
    back: 'the gateways send them to the monolith again, at once',
  })
}

/** The steps of an index that the service derives: it is filled first, and must be in step. */
export function indexSteps(plan: ResolvedIndex): StepPreview[] {
  const { index, service, gates } = plan
  const url = new URL(index.path, service.url).href
  const bound = number(gates.lagMs)
  return [
    {
      step: 'backfill',
      does: [
        `the service is asked to fill its index: POST ${url}, then GET, twice a second`,
        `one that fails is told, and begun again after 1, 5, 15 and 60 s; after ${index.attempts} it pauses`,
        'way back: banyan cancel; users notice nothing of this step',
      ],
    },
    {
      step: 'verify',
      does: [
        `waits until the service says that the index is complete, and at most ${bound} ms behind`,
        'way back: banyan cancel',
      ],
    },
    ...requestSteps(plan, {
      moves,
      fails: [],
      waits: [`waits while the index is not complete, or lags more than ${bound} ms`],
      back: 'the gateways send them to the monolith again, at once',
    }),
  ]
}

export function requestSteps(plan: ResolvedRequests, words: CanaryWords): StepPreview[] {
  return [
    ...shadowing(plan),
    ...plan.steps.map((_, i) => canary(plan, i, words)),
    soak(plan, ''),
    {
      step: 'complete',
      does: [
        'the routes stay with the service, and are judged no more',
        'way back: none by command; a plan that gives the routes back is another extraction',
      ],
    },
    {
      step: 'cancel (instead of going on, while the monolith owns everything)',
      does: ['the gateways forget the routes: the monolith answers them like any other'],
    },
  ]
}
