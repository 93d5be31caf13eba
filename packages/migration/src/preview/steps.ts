import { BucketSet } from '@banyan/contracts'
import { metricGateText } from '../metric-gates/setting.ts'
import type { ResolvedExtraction } from '../plan.ts'
import { scheduleText } from '../schedule/schedule.ts'
import { shownAddress } from '../webhooks/setting.ts'

/** One step that an extraction will take, and what it does, in the order it does it. */
export interface StepPreview {
  readonly step: string
  readonly does: readonly string[]
}

/** The shadow's step; none where it is off. */
export function shadowing(plan: ResolvedExtraction): StepPreview[] {
  const { percent, minimumCompared, ignore } = plan.shadow
  if (percent === 0) return []
  const lag = 'lagMs' in plan.gates ? ` and a lag of at most ${number(plan.gates.lagMs)} ms` : ''
  return [
    {
      step: `shadow ${percent} %`,
      does: [
        `${percent} % of the reads are sent to the service as well, and the answers compared; users get the monolith's`,
        ...(ignore.length > 0 ? [`left out of the comparison: ${ignore.join(', ')}`] : []),
        `waits for ${number(minimumCompared)} comparisons${lag}`,
        `goes on with at most ${share(plan.gates.shadowDifference)} of them different; more: it pauses`,
        'way back: banyan cancel',
      ],
    },
  ]
}

/** What a canary's step says differently of each kind. */
export interface CanaryWords {
  moves(buckets: string): string
  /** Beside errors and latencies: what rolls it back. */
  readonly fails: readonly string[]
  readonly waits: readonly string[]
  readonly back: string
}

/** A share of the buckets; the last one is the cutover. */
export function canary(plan: ResolvedExtraction, index: number, words: CanaryWords): StepPreview {
  const step = plan.steps[index]!
  const before = plan.steps[index - 1]?.percent ?? 0
  const { gates } = plan
  const count = BucketSet.share(step.percent).size - BucketSet.share(before).size
  const last = step.percent === 100
  const fails = [
    `more than ${share(gates.errorRate)} of the service's answers are 5xx`,
    `its p95 is above ${gates.latencyRatio} times the monolith's for 6 s (never judged below 20 ms)`,
    ...words.fails,
  ]
  return {
    step: last ? 'cut over (100 %)' : `canary ${step.percent} %`,
    does: [
      ...(plan.schedule ? [`begins on ${scheduleText(plan.schedule)} alone`] : []),
      ...asked(plan),
      words.moves(`${number(count)} of 1,024`),
      `watched for ${number(step.seconds)} s and ${number(gates.minimumRequests)} requests at the service`,
      `rolls back by itself when ${listed(fails)}`,
      ...words.waits,
      ...metricLines(plan),
      ...(last ? [`watched for another ${number(step.seconds)} s, cut over`] : []),
      ...(step.next === 'manual' && !last ? ['then waits for: banyan promote'] : []),
      `way back: banyan rollback; ${words.back}`,
    ],
  }
}

/** @param more what else goes on meanwhile. */
export function soak(plan: ResolvedExtraction, more: string): StepPreview {
  return {
    step: 'soak',
    does: [
      `the service owns everything for ${number(plan.soakSeconds)} s, under the same gates${more}`,
      'then waits for: banyan complete',
      ...asked(plan),
      'way back: banyan rollback, as before',
    ],
  }
}

/** Who may say no before it begins. */
function asked({ webhooks }: ResolvedExtraction): string[] {
  return webhooks.before.map(
    (one) =>
      `asks the webhook "${one.name}" (${shownAddress(one)}) first; where it refuses, it pauses`,
  )
}

/** What Prometheus or a command has to say before the next users move, and of those who have. */
function metricLines({ metrics }: ResolvedExtraction): string[] {
  return metrics.map((gate) => {
    const otherwise = gate.otherwise === 'rollback' ? 'rolls back' : 'waits'
    const unknown =
      gate.unknown === 'rollback' ? 'three unknown answers roll back' : 'unknown waits'
    return `${metricGateText(gate)}; else it ${otherwise}, ${unknown}`
  })
}

function listed(parts: readonly string[]): string {
  const [last, ...others] = [...parts].reverse()
  return `${others.reverse().join(', ')}, or ${last}`
}

export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

function share(value: number): string {
  return `${Number((value * 100).toFixed(3))} %`
}
