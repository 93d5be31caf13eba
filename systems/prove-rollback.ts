import { percentile, Supervisor } from '@banyan/lab'
import { placeOf, runRollbacks } from './lego/rollback/trial.ts'

const RATE = 50
const WITHIN_S = 2

/** A service that begins to fail must lose its users within 2 s of the first bad answer, and they nothing. */
export async function proveRollback({
  runs,
  seed,
}: {
  readonly runs: number
  readonly seed: number
}) {
  const print = (line: string) => console.log(line)
  print(`${runs} faults at ${RATE} requests/s, seed ${seed}`)
  const supervisor = await Supervisor.create({ name: 'banyan-rollback' })
  try {
    const trial = await runRollbacks(supervisor, { runs, seed, rate: RATE, print })
    const { rollbacks, verdict, findings } = trial
    for (const one of rollbacks) {
      print(
        `    ${one.seconds} s: ${one.fault}, ${placeOf(one)}; ${one.badAnswers} bad answers; ${one.gates.join('; ')}`,
      )
    }
    for (const finding of findings) print(`    ${finding}`)
    const seconds = rollbacks.map((one) => one.seconds)
    const inTime = (one: { seconds: number }) => one.seconds <= WITHIN_S
    const paused = rollbacks.filter((one) => one.paused)
    const report = {
      runs: rollbacks.length,
      seconds: { p50: percentile(seconds, 0.5), max: Math.max(...seconds) },
      whilePausedToo: paused.length > 0 && paused.every(inTime),
      ratePerSecond: RATE,
      seed,
      ...verdict,
      rollbacks,
    }
    const { lost, duplicated, stale, divergent } = verdict
    print(
      `${report.runs} rollbacks, ${paused.length} of them while paused: p50 ${report.seconds.p50} s, ` +
        `max ${report.seconds.max} s; ${verdict.acknowledged} writes, ${lost} lost, ${duplicated} duplicated, ` +
        `${stale} stale, ${divergent} divergent; seed ${seed}`,
    )
    const wrong = lost + duplicated + stale + divergent
    if (wrong > 0) supervisor.keepFolder()
    return { report, good: rollbacks.every(inTime) && report.whilePausedToo && wrong === 0 }
  } catch (error) {
    supervisor.keepFolder()
    throw new Error(`seed ${seed} failed; its folder is ${supervisor.folder}`, { cause: error })
  } finally {
    await supervisor.stopAll()
  }
}
