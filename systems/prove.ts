import { writeFile } from 'node:fs/promises'
import { checkModel } from '@banyan/migration/model'
import { type Flag, helpText, main, readFlags, UsageError, wholeNumber } from './options.ts'
import { proveRuns } from './prove-runs.ts'
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
    name: 'jobs',
    value: 'N',
    text: 'with runs: so many at a time, each on servers of its own (2)',
  },
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
  if (given.jobs && !given.runs) throw new UsageError('--jobs goes with --runs')
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
        : await proveRuns({
            runs: wholeNumber(given, 'runs', 1, 1),
            seed,
            jobs: wholeNumber(given, 'jobs', 2, 1),
          })
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
