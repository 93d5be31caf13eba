import { type BlastRadius, runBlast } from './lego/blast-radius/trial.ts'

const RATE = 100
const REQUESTS = 1_000
const BACK_WITHIN_S = 120

/** Services that die must not take MOC management with them, and must come back. */
export async function proveBlastRadius(
  seed: number,
): Promise<{ report: BlastRadius; good: boolean }> {
  const print = (line: string) => console.log(line)
  const report = await runBlast({ seed, rate: RATE, requests: REQUESTS, print })
  for (const [what, count] of Object.entries(report.failures)) print(`    ${count} × ${what}`)
  print(
    `${report.outages.length} services killed under ${RATE} requests/s: ${report.requests} requests, ${report.failed} failed; seed ${seed}`,
  )
  const { outages, failed, mocBackSeconds } = report
  const backSeconds = [...outages.map((one) => one.backSeconds), mocBackSeconds]
  return { report, good: failed === 0 && backSeconds.every((one) => one < BACK_WITHIN_S) }
}
