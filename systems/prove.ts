import { writeFile } from 'node:fs/promises'
import { percentile } from '@banyan/lab'
import { checkModel } from '@banyan/migration/model'
import { isInHandover, STEPS, type Struck, VICTIMS } from './lego/faults.ts'
import { type Flag, helpText, main, readFlags, UsageError, wholeNumber } from './options.ts'
import { isClean, proveRun, type RunResult } from './prove-run.ts'
import { proveTypes } from './prove-types.ts'
import { proveVerify } from './prove-verify.ts'

const FLAGS: readonly Flag[] = [
  {
    name: 'model',
    text: 'check the protocol in every state, and that each rule left out is found',
  },
  { name: 'quick', text: 'with the model: a tenth of the states' },
  { name: 'types', text: 'carry 100,000 values of every type there and back, octet by octet' },
  { name: 'runs', value: 'N', text: 'move live under load N times, with 4 crashes each' },
  { name: 'verify-faults', text: 'spoil rows under load; verify must find each, and nothing else' },
  { name: 'minutes', value: 'N', text: 'with verify-faults: how long (5)' },
  { name: 'faults', value: 'N', text: 'with verify-faults: how many at least (10,000)' },
  {
    name: 'seed',
    value: 'N',
    text: 'of the first run, or of the values or faults (1); the next runs count up',
  },
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
]
const WHAT =
  'Tries to break what the toolkit promises: the handover protocol, as a model (the default) and as it runs, and values on their way.'

await main('npm run prove', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run prove', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const verifying = given['verify-faults'] === true
  if ([given.model, given.runs, given.types, verifying].filter(Boolean).length > 1) {
    throw new UsageError('give one of --model, --types, --runs and --verify-faults')
  }
  if (given.quick && (given.runs || given.types || verifying)) {
    throw new UsageError('--quick goes with --model')
  }
  if (given.seed && !given.runs && !given.types && !verifying) {
    throw new UsageError('--seed goes with --runs, --types and --verify-faults')
  }
  if ((given.minutes || given.faults) && !verifying) {
    throw new UsageError('--minutes and --faults go with --verify-faults')
  }
  const seed = wholeNumber(given, 'seed', 1, 0)
  const { report, good } = given.types
    ? await proveTypes(seed)
    : verifying
      ? await proveVerify({
          seed,
          minutes: wholeNumber(given, 'minutes', 5, 1),
          faults: wholeNumber(given, 'faults', 10_000, 1),
        })
      : given.runs === undefined
        ? proveModel(given.quick === true)
        : await proveRuns(wholeNumber(given, 'runs', 1, 1), seed)
  if (given.json) await writeFile(given.json as string, `${JSON.stringify(report, null, 2)}\n`)
  return good ? 0 : 1
})

function proveModel(quick: boolean) {
  const report = checkModel({ quick, print: (line) => console.log(line) })
  const { states, violations, mutants, mutantsFound } = report
  console.log(
    `${states.toLocaleString('en')} states, ${violations} violations; ${mutantsFound} of ${mutants} mutants found`,
  )
  return { report, good: violations === 0 && mutantsFound === mutants }
}

async function proveRuns(runs: number, seed: number) {
  const results: RunResult[] = []
  for (let i = 0; i < runs; i++) {
    const result = await proveRun(seed + i)
    results.push(result)
    console.log(`run ${i + 1} of ${runs}, seed ${result.seed}: ${lineOf(result)}`)
    for (const finding of result.findings) console.log(`    ${finding}`)
    if (result.folder) {
      console.log(
        `    again: npm run prove -- --runs 1 --seed ${result.seed}; logs and histories: ${result.folder}`,
      )
    }
  }
  const report = reportOf(results)
  const { kills, lost, duplicated, stale, divergent, stuck, recoveryMs } = report
  console.log(
    `${runs} runs, ${kills} crashes, ${report.killsInHandover} of them inside a handover: ` +
      `lost ${lost}, duplicated ${duplicated}, stale ${stale}, divergent ${divergent}, stuck ${stuck}; ` +
      `recovery p50 ${recoveryMs.p50} ms, at most ${recoveryMs.max} ms`,
  )
  return { report, good: results.every(isClean) }
}

function lineOf({
  struck,
  acknowledged,
  lost,
  duplicated,
  stale,
  divergent,
  ...rest
}: RunResult): string {
  const crashes = struck.map(
    ({ victim, step, afterMs }) =>
      `${victim} at ${step}${afterMs === null ? '' : ` +${afterMs} ms`}`,
  )
  const slowest = Math.max(0, ...struck.map((one) => one.recoveryMs ?? 10_000))
  return (
    `${crashes.join(', ')}; ${acknowledged} writes; lost ${lost}, duplicated ${duplicated}, ` +
    `stale ${stale}, divergent ${divergent}, stuck ${rest.stuck}; recovery ${slowest} ms; ${Math.round(rest.ms / 1000)} s`
  )
}

function reportOf(results: readonly RunResult[]) {
  const struck = results.flatMap((result) => result.struck)
  const sum = (of: (result: RunResult) => number) => results.reduce((all, one) => all + of(one), 0)
  const count = <K extends string>(keys: readonly K[], of: (one: Struck) => K) =>
    Object.fromEntries(keys.map((key) => [key, struck.filter((one) => of(one) === key).length]))
  const recoveries = struck.flatMap((one) => one.recoveryMs ?? [])
  return {
    runs: results.length,
    seeds: results.map((result) => result.seed),
    kills: struck.length,
    lost: sum((one) => one.lost),
    duplicated: sum((one) => one.duplicated),
    stale: sum((one) => one.stale),
    divergent: sum((one) => one.divergent),
    stuck: sum((one) => one.stuck),
    leftovers: sum((one) => one.leftovers),
    acknowledged: sum((one) => one.acknowledged),
    killsInHandover: struck.filter((one) => isInHandover(one.step)).length,
    killsByProcess: count(VICTIMS, (one) => one.victim),
    killsByStep: count(STEPS, (one) => one.step),
    recoveryMs: { p50: percentile(recoveries, 0.5), max: Math.max(0, ...recoveries) },
    findings: results.flatMap((one) => one.findings.map((what) => `seed ${one.seed}: ${what}`)),
  }
}
