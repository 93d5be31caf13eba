import { Supervisor } from '@banyan/lab'
import type { DataPlane } from './lego/haproxy.ts'
import { lineOf, type ProveReport, reportOf, summaryOf } from './prove-report.ts'
import { isClean, proveRun, type RunResult, startBed } from './prove-run.ts'

/**
 * Runs of consecutive seeds, several at a time, each on servers and processes of its own: much of a
 * run is spent waiting for leases to end.
 *
 * @returns the report, and whether every run was clean.
 */
export async function proveRuns({
  runs,
  seed,
  jobs,
  dataPlane,
}: {
  readonly runs: number
  /** Of the first; the next ones count up. */
  readonly seed: number
  readonly jobs: number
  readonly dataPlane: DataPlane
}): Promise<{ report: ProveReport; good: boolean }> {
  const begun = performance.now()
  const results: RunResult[] = []
  const waiting = Array.from({ length: runs }, (_, i) => seed + i)
  const work = async () => {
    while (waiting.length > 0) {
      await withBed(dataPlane, async (prove) => {
        for (;;) {
          const next = waiting.shift()
          if (next === undefined) return
          const { result, folder } = await prove(next)
          results.push(result)
          console.log(`run ${results.length} of ${runs}, seed ${next}: ${lineOf(result)}`)
          for (const finding of result.findings) console.log(`    ${finding}`)
          if (!folder) continue
          console.log(
            `    again: npm run prove -- --gateway ${dataPlane} --runs 1 --seed ${next}; logs and histories: ${folder}`,
          )
          return
        }
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, runs) }, work))
  results.sort((a, b) => a.seed - b.seed)
  const report = reportOf(results, performance.now() - begun, dataPlane)
  console.log(summaryOf(report))
  return { report, good: results.every(isClean) }
}

/** A bed that is left as it is, with its folder, after a run that found something. */
async function withBed(
  dataPlane: DataPlane,
  work: (
    prove: (seed: number) => Promise<{ result: RunResult; folder: string | null }>,
  ) => Promise<void>,
): Promise<void> {
  const supervisor = await Supervisor.create({ name: 'banyan-prove' })
  try {
    const bed = await startBed(supervisor, dataPlane)
    await work(async (seed) => {
      try {
        const result = await proveRun(bed, seed, dataPlane)
        if (isClean(result)) return { result, folder: null }
        supervisor.keepFolder()
        return { result, folder: supervisor.folder }
      } catch (error) {
        supervisor.keepFolder()
        throw new Error(`run of seed ${seed} failed; its folder is ${supervisor.folder}`, {
          cause: error,
        })
      }
    })
  } finally {
    await supervisor.stopAll()
  }
}
