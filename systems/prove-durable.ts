import { CUT_ACTORS, type CutVerdict, proveCuts } from '@banyan/durable/cuts'
import { EmbeddedPostgres } from '@banyan/postgres'

interface DurableReport {
  /** Processes that were killed, each at a place of its own. */
  readonly cuts: number
  readonly lost: number
  readonly doubled: number
  readonly disordered: number
  /** Of the cuts, those after which the database crashed too. */
  readonly crashes: number
  readonly actors: Readonly<
    Record<string, { readonly killed: CutVerdict; readonly crashed: CutVerdict }>
  >
}

/** Every so many of the cuts is made a second time, with a crash of the database right after it. */
const CRASH_EACH = 12
const QUICK_EACH = 10

/**
 * Kills relay, inbox, saga runner and scheduler around each statement they send, and lets another
 * process finish their work: nothing may be lost, and no effect may be there twice.
 *
 * @param quick a tenth of the cuts, spread evenly; which ones, the seed says.
 */
export async function proveDurable({
  quick,
  seed,
  jobs,
}: {
  readonly quick: boolean
  readonly seed: number
  readonly jobs: number
}): Promise<{ report: DurableReport; good: boolean }> {
  const server = await EmbeddedPostgres.start()
  const actors: Record<string, { killed: CutVerdict; crashed: CutVerdict }> = {}
  const began = Date.now()
  try {
    for (const [name, actor] of Object.entries(CUT_ACTORS)) {
      const killed = await proveCuts({
        actor,
        server,
        jobs,
        ...(quick ? { choose: spread(QUICK_EACH, seed) } : {}),
        onRun: (done, all) => {
          if (done % 25 === 0) console.log(`${name}: ${done} of ${all}`)
        },
      })
      const crashed = await proveCuts({
        actor,
        server,
        choose: spread(quick ? CRASH_EACH * QUICK_EACH : CRASH_EACH, seed),
        between: async () => {
          await server.kill()
          await server.start()
        },
      })
      actors[name] = { killed, crashed }
      console.log(`${name}: ${wordsOf(killed)}; with a crash of the database: ${wordsOf(crashed)}`)
      for (const failure of [...killed.failures, ...crashed.failures]) console.log(`    ${failure}`)
    }
  } finally {
    await server.stop()
  }
  const all = Object.values(actors).flatMap(({ killed, crashed }) => [killed, crashed])
  const sum = (count: (one: CutVerdict) => number) => all.reduce((n, one) => n + count(one), 0)
  const report: DurableReport = {
    cuts: sum((one) => one.cuts),
    lost: sum((one) => one.lost),
    doubled: sum((one) => one.doubled),
    disordered: sum((one) => one.disordered),
    crashes: Object.values(actors).reduce((n, { crashed }) => n + crashed.cuts, 0),
    actors,
  }
  const { cuts, lost, doubled, disordered, crashes } = report
  console.log(
    `${cuts} cuts, ${crashes} of them with a crash of the database: ${lost} lost, ${doubled} doubled, ` +
      `${disordered} out of order; seed ${seed}, ${Math.round((Date.now() - began) / 1000)} s`,
  )
  return { report, good: sum((one) => one.failures.length) === 0 }
}

function spread(each: number, seed: number): (cuts: number) => number[] {
  return (cuts) => {
    const chosen: number[] = []
    for (let cut = seed % Math.min(each, cuts); cut < cuts; cut += each) chosen.push(cut)
    return chosen
  }
}

function wordsOf({ cuts, lost, doubled, disordered }: CutVerdict): string {
  return `${cuts} cuts, ${lost} lost, ${doubled} doubled, ${disordered} out of order`
}
