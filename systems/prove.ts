import { writeFile } from 'node:fs/promises'
import { checkModel } from '@banyan/migration/model'
import { DATA_PLANES } from './lego/haproxy.ts'
import {
  type Flag,
  type Given,
  helpText,
  main,
  oneOf,
  readFlags,
  UsageError,
  wholeNumber,
} from './options.ts'
import { proveBlastRadius } from './prove-blast-radius.ts'
import { proveDurable } from './prove-durable.ts'
import { proveRollback } from './prove-rollback.ts'
import { proveRuns } from './prove-runs.ts'
import { proveTypes } from './prove-types.ts'
import { proveVerify } from './prove-verify.ts'

/** One thing that is tried to be broken. */
interface Proof {
  /** The flag that asks for it. */
  readonly flag: Flag
  /** Flags that go with it, beside --json. */
  readonly with: readonly string[]
  run(given: Given): Promise<{ readonly report: object; readonly good: boolean }>
}

const seedOf = (given: Given) => wholeNumber(given, 'seed', 1, 0)

const MODEL: Proof = {
  flag: {
    name: 'model',
    text: 'check the protocol in every state, and that each rule left out is found',
  },
  with: ['quick'],
  run: async (given) => proveModel(given.quick === true),
}

const PROOFS: readonly Proof[] = [
  MODEL,
  {
    flag: {
      name: 'runs',
      value: 'N',
      text: 'move live under load N times, with 4 crashes each; with --rollback: so many faults (20)',
    },
    with: ['seed', 'jobs', 'gateway'],
    run: (given) =>
      proveRuns({
        runs: wholeNumber(given, 'runs', 1, 1),
        seed: seedOf(given),
        jobs: wholeNumber(given, 'jobs', 2, 1),
        dataPlane: oneOf(given, 'gateway', DATA_PLANES),
      }),
  },
  {
    flag: {
      name: 'types',
      text: 'carry 100,000 values of every type there and back, octet by octet',
    },
    with: ['seed'],
    run: (given) => proveTypes(seedOf(given)),
  },
  {
    flag: {
      name: 'verify-faults',
      text: 'spoil rows under load; verify must find each, and nothing else',
    },
    with: ['seed', 'minutes', 'faults'],
    run: (given) =>
      proveVerify({
        seed: seedOf(given),
        minutes: wholeNumber(given, 'minutes', 5, 1),
        faults: wholeNumber(given, 'faults', 10_000, 1),
      }),
  },
  {
    flag: {
      name: 'durable',
      text: 'kill relay, inbox, saga runner and scheduler around every statement they send',
    },
    with: ['quick', 'seed', 'jobs'],
    run: (given) =>
      proveDurable({
        quick: given.quick === true,
        seed: seedOf(given),
        jobs: wholeNumber(given, 'jobs', 4, 1),
      }),
  },
  {
    flag: {
      name: 'blast-radius',
      text: 'kill services in turn under load: those that lean on them must go on',
    },
    with: ['seed'],
    run: (given) => proveBlastRadius(seedOf(given)),
  },
  {
    flag: {
      name: 'rollback',
      text: 'let the service fail under load: its users must be back within 2 s, also while it is paused',
    },
    with: ['runs', 'seed'],
    run: (given) => proveRollback({ runs: wholeNumber(given, 'runs', 20, 2), seed: seedOf(given) }),
  },
]

const DETAILS: readonly Flag[] = [
  { name: 'quick', text: 'with --model and --durable: a tenth of the states, or cuts' },
  {
    name: 'jobs',
    value: 'N',
    text: 'with --runs: so many at a time, each on servers of its own (2); with --durable: in databases of their own (4)',
  },
  {
    name: 'gateway',
    value: 'NAME',
    text: `with --runs: what requests go through, ${DATA_PLANES.join(' or ')} (banyan)`,
  },
  { name: 'minutes', value: 'N', text: 'with --verify-faults: how long (5)' },
  { name: 'faults', value: 'N', text: 'with --verify-faults: how many at least (10,000)' },
  {
    name: 'seed',
    value: 'N',
    text: 'of the first run, or of the values, faults or cuts (1); the next runs count up',
  },
]
const FLAGS: readonly Flag[] = [
  ...PROOFS.map(({ flag }) => flag),
  ...DETAILS,
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
]
const WHAT =
  'Tries to break what the toolkit promises: the handover protocol, as a model (the default) and as it runs, values on their way, and durable work.'

await main('npm run prove', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run prove', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const proof = asked(given)
  for (const { name } of DETAILS) {
    if (given[name] === undefined || proof.with.includes(name)) continue
    const places = PROOFS.filter((other) => other.with.includes(name))
    throw new UsageError(`--${name} goes with ${listed(places, 'or')}`)
  }
  const { report, good } = await proof.run(given)
  if (given.json) await writeFile(given.json as string, `${JSON.stringify(report, null, 2)}\n`)
  return good ? 0 : 1
})

function asked(given: Given): Proof {
  const named = PROOFS.filter(({ flag }) => given[flag.name] !== undefined)
  // `--runs` is a proof, and how many of another one.
  const details = named.flatMap((proof) => proof.with)
  const [proof = MODEL, ...more] = named.filter(({ flag }) => !details.includes(flag.name))
  if (more.length > 0) throw new UsageError(`give one of ${listed(PROOFS, 'and')}`)
  return proof
}

function listed(proofs: readonly Proof[], word: string): string {
  const names = proofs.map(({ flag }) => `--${flag.name}`)
  const last = names.pop()!
  return names.length === 0 ? last : `${names.join(', ')} ${word} ${last}`
}

function proveModel(quick: boolean) {
  const report = checkModel({ quick, print: (line) => console.log(line) })
  const { states, violations, mutants, mutantsFound } = report
  console.log(
    `${states.toLocaleString('en')} states, ${violations} violations; ${mutantsFound} of ${mutants} mutants found`,
  )
  return { report, good: violations === 0 && mutantsFound === mutants }
}
