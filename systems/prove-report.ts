import { percentile } from '@banyan/lab'
import { addAborts, NO_ABORTS } from './lego/aborts.ts'
import { isStep, PHASES, PROVED, STEPS, type StruckPhase, victimsOf } from './lego/faults.ts'
import type { DataPlane } from './lego/haproxy.ts'
import type { Struck } from './lego/injector.ts'
import type { RunResult } from './prove-run.ts'

/** The phase a fault struck in: a handover's are the canary's, or the rollback's. */
function phaseOf({ place, direction }: Struck): StruckPhase {
  if (!isStep(place)) return place
  return direction === 'to source' ? 'rolling back' : 'canary'
}

export function lineOf({ struck, parts, ms, ...rest }: RunResult): string {
  const crashes = struck.map(
    ({ extraction, victim, place, direction, afterMs }) =>
      `${victim} at ${place}${direction ? ` ${direction}` : ''} of ${extraction}${afterMs === null ? '' : ` +${afterMs} ms`}`,
  )
  const slowest = Math.max(0, ...struck.map((one) => one.recoveryMs ?? 10_000))
  const { acknowledged, refused, failed } = rest
  const { lost, duplicated, stale, divergent, stuck, leftovers } = rest
  return (
    `${crashes.join(', ')}; ${acknowledged} writes, ${refused} refused, ${failed} failed; lost ${lost}, duplicated ${duplicated}, ` +
    `stale ${stale}, divergent ${divergent}, stuck ${stuck}, leftovers ${leftovers}; ` +
    `recovery ${slowest} ms; ${seconds(ms)} s (${Object.entries(parts)
      .map(([part, spent]) => `${part} ${seconds(spent)}`)
      .join(', ')})`
  )
}

export type ProveReport = ReturnType<typeof reportOf>

export function reportOf(results: readonly RunResult[], ms: number, dataPlane: DataPlane) {
  const victims = victimsOf(dataPlane)
  const struck = results.flatMap((result) => result.struck)
  const sum = (of: (result: RunResult) => number) => results.reduce((all, one) => all + of(one), 0)
  const count = <K extends string>(keys: readonly K[], of: (one: Struck) => K | null) =>
    Object.fromEntries(keys.map((key) => [key, struck.filter((one) => of(one) === key).length]))
  const recoveries = struck.flatMap((one) => one.recoveryMs ?? [])
  const pairs = new Set(struck.map((one) => `${phaseOf(one)} / ${one.victim}`))
  return {
    runs: results.length,
    gateway: dataPlane,
    seeds: results.map((result) => result.seed),
    kills: struck.length,
    lost: sum((one) => one.lost),
    duplicated: sum((one) => one.duplicated),
    stale: sum((one) => one.stale),
    divergent: sum((one) => one.divergent),
    stuck: sum((one) => one.stuck),
    leftovers: sum((one) => one.leftovers),
    acknowledged: sum((one) => one.acknowledged),
    refused: sum((one) => one.refused),
    failed: sum((one) => one.failed),
    /** Changes of ownership, tokens and barriers, replayed against the model. */
    conformance: {
      events: sum((one) => one.conformance?.events ?? 0),
      histories: sum((one) => one.conformance?.histories ?? 0),
      deviations: sum((one) => one.conformance?.deviations ?? 0),
    },
    extractions: PROVED.length,
    gateways: 2,
    engines: 2,
    killsInHandover: struck.filter((one) => isStep(one.place)).length,
    killsByPhase: count(PHASES, phaseOf),
    killsByStep: count(STEPS, ({ place }) => (isStep(place) ? place : null)),
    killsByProcess: count(victims, (one) => one.victim),
    killsByDirection: count(['to target', 'to source'], (one) => one.direction),
    killsByExtraction: count(PROVED, (one) => one.extraction),
    /** Of the pairs of a phase and a victim that there are. */
    phaseVictimPairs: { met: pairs.size, of: PHASES.length * victims.length },
    takeovers: struck.filter((one) => one.tookOver).length,
    stepsBack: struck.filter((one) => one.steppedBack).length,
    aborts: results.map((one) => one.aborts).reduce(addAborts, NO_ABORTS),
    recoveryMs: { p50: percentile(recoveries, 0.5), max: Math.max(0, ...recoveries) },
    runMs: {
      p50: percentile(
        results.map((one) => one.ms),
        0.5,
      ),
      overall: Math.round(ms / results.length),
    },
    findings: results.flatMap((one) => one.findings.map((what) => `seed ${one.seed}: ${what}`)),
  }
}

/** What a person reads at the end. */
export function summaryOf(report: ProveReport): string {
  const { lost, duplicated, stale, divergent, stuck, leftovers, recoveryMs, aborts } = report
  const { events, histories, deviations } = report.conformance
  const table = (title: string, counts: Readonly<Record<string, number>>) =>
    `  ${title.padEnd(14)} ${Object.entries(counts)
      .map(([key, times]) => `${key} ${times}`)
      .join(', ')}`
  return [
    'Crashes',
    table('by phase', report.killsByPhase),
    table('by step', report.killsByStep),
    table('by process', report.killsByProcess),
    table('by direction', report.killsByDirection),
    table('by extraction', report.killsByExtraction),
    `${report.phaseVictimPairs.met} of ${report.phaseVictimPairs.of} pairs of phase and victim met; ` +
      `${report.takeovers} times another engine took over, ${report.stepsBack} paused ones stepped back; ` +
      `${aborts.total} handover attempts aborted cleanly, ${aborts.budgetSpent} with the hold budget spent, ` +
      `${aborts.gatewayVanished} since a gateway vanished in the hold`,
    `${events} changes of ownership, tokens and barriers in ${histories} histories replayed against the model: ` +
      `${deviations} deviations`,
    `${report.runs} runs, ${report.kills} crashes, ${report.killsInHandover} of them inside a handover, ` +
      `${report.extractions} extractions at once, ${report.gateways} gateways: ` +
      `lost ${lost}, duplicated ${duplicated}, stale ${stale}, divergent ${divergent}, stuck ${stuck}, ` +
      `leftovers ${leftovers}; ${report.acknowledged} writes acknowledged, ${report.refused} requests refused ` +
      `without being forwarded, ${report.failed} failed; recovery p50 ${recoveryMs.p50} ms, at most ${recoveryMs.max} ms; ` +
      `${seconds(report.runMs.overall)} s a run`,
  ].join('\n')
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
