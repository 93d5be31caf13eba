import { FAULT_KINDS } from './verify-faults/faults.ts'
import { runTrial, sum } from './verify-faults/trial.ts'

export interface VerifyProof {
  readonly seed: number
  readonly minutes: number
  readonly faults: number
}

const RATE = 1_000
/** Below this share of the rate the run has not shown what it is for. */
const REACHED = 0.95

/** Spoils rows under load and through handovers: every fault must be found, and nothing else. */
export async function proveVerify({ seed, minutes, faults }: VerifyProof) {
  const print = (line: string) => console.log(line)
  print(`${faults} faults in ${minutes} min at ${RATE} writes/s, seed ${seed}`)
  const result = await runTrial({ seed, minutes, faults, writesPerSecond: RATE, print })
  const { findings } = result
  const report = {
    injected: sum(findings.injected),
    found: sum(findings.found),
    falseAlarms: findings.falseAlarms,
    missed: findings.missed,
    byKind: Object.fromEntries(
      FAULT_KINDS.map((kind) => [
        kind,
        { injected: findings.injected[kind], found: findings.found[kind] },
      ]),
    ),
    hotRows: findings.hot,
    acrossHandover: findings.acrossHandover,
    repaired: findings.repaired,
    writesPerSecond: round(result.writesPerSecond),
    writes: result.acknowledged,
    refusedWrites: result.refusedWrites,
    minutes: round(result.minutes),
    verifyRowsPerSecond: Math.round(findings.rows / findings.workSeconds),
    passes: findings.passes,
    settled: findings.settled,
    rows: result.rows,
    differAtEnd: result.differAtEnd,
    handovers: result.handovers,
    seed,
    examples: findings.examples,
  }
  for (const example of findings.examples) print(`    ${example}`)
  const reached = result.writesPerSecond >= RATE * REACHED
  if (!reached) print(`only ${report.writesPerSecond} writes/s were reached, wanted are ${RATE}`)
  print(
    `${report.injected} faults injected, ${report.found} found, ${report.falseAlarms} false alarms; ` +
      `${report.repaired} repaired and found equal; hot rows: ${JSON.stringify(report.hotRows)}; ` +
      `${report.passes} passes, ${report.handovers} handovers, ${report.writesPerSecond} writes/s for ${report.minutes} min; ` +
      `verify ${report.verifyRowsPerSecond} rows/s; ${report.differAtEnd} of ${report.rows} rows differ at the end`,
  )
  const { injected, found, falseAlarms, missed, differAtEnd } = report
  const good = found === injected && falseAlarms + missed + differAtEnd === 0 && reached
  return { report, good }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
