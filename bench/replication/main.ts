import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { Supervisor } from '@banyan/lab'
import {
  type Flag,
  type Given,
  helpText,
  main,
  readFlags,
  UsageError,
  wholeNumber,
} from '../../systems/options.ts'
import { machineFacts } from '../machine.ts'
import { chosenOf, printGoals, printLines, requireWritable } from '../report.ts'
import { measureApply } from './apply.ts'
import { measureCopy } from './copy.ts'
import { judge } from './goals.ts'
import { measureGuard } from './guard.ts'
import { measureHold } from './hold/hold.ts'
import { measureLag } from './lag.ts'
import { measureLarge } from './large.ts'
import type { Figures, Measured, MeasureOptions, Sizes } from './measurement.ts'
import { SERVER_SETTINGS } from './rig.ts'
import { measureVerify } from './verify.ts'

const MEASUREMENTS: Readonly<Record<string, (options: MeasureOptions) => Promise<Measured>>> = {
  copy: measureCopy,
  verify: measureVerify,
  apply: measureApply,
  lag: measureLag,
  guard: measureGuard,
  large: measureLarge,
  hold: measureHold,
}
const NAMES = Object.keys(MEASUREMENTS)

/** The goals are about these; chosen so that all of it takes a quarter of an hour on two cores. */
const FULL: Sizes = {
  rows: 2_000_000,
  rounds: 5,
  backlogTransactions: 100_000,
  lagSeconds: 15,
  guardWrites: 4_000,
  guardBulkRows: 100_000,
  largeTransactionMb: 2048,
  handovers: 200,
}
/** Says whether everything runs, and roughly how fast. */
const QUICK: Sizes = {
  rows: 200_000,
  rounds: 3,
  backlogTransactions: 4_000,
  lagSeconds: 5,
  guardWrites: 1_000,
  guardBulkRows: 20_000,
  largeTransactionMb: 200,
  handovers: 20,
}

const FLAGS: readonly Flag[] = [
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
  { name: 'rows', value: 'N', text: `rows copied and verified (${FULL.rows})` },
  { name: 'only', value: 'A,B', text: `some of ${NAMES.join(', ')}; all by default` },
  { name: 'quick', text: 'small sizes, two minutes: whether it runs, not how fast it is' },
]
const WHAT =
  'Measures the replication engine against PostgreSQL itself, in interleaved rounds of one run, on\n' +
  'two embedded servers. A ratio is our rate by the peer’s, the median over the rounds.'

await main('npm run bench:replication', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run bench:replication', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const defaults = given.quick ? QUICK : FULL
  const sizes = { ...defaults, rows: wholeNumber(given, 'rows', defaults.rows, 10_000) }
  const chosen = chosenOf(given, NAMES)
  if (given.json) await requireWritable(String(given.json))
  const supervisor = await Supervisor.create({ name: 'banyan-bench' })
  try {
    await run(supervisor, chosen, sizes, given)
    return 0
  } finally {
    await supervisor.stopAll()
  }
})

async function run(
  supervisor: Supervisor,
  chosen: readonly string[],
  sizes: Sizes,
  given: Given,
): Promise<void> {
  const began = performance.now()
  const server = await supervisor.postgres()
  const machine = { ...(await machineFacts(server)), loadBefore: loadavg()[0]! }
  await server.stop()
  const { cores, memoryMb, cpu, node, postgres } = machine
  console.log(`${cores} cores (${cpu}), ${memoryMb} MB, Node ${node}, PostgreSQL ${postgres}`)
  if (machine.loadBefore > 0.5) {
    console.log(
      `something else runs here (load ${machine.loadBefore.toFixed(1)}): figures will be worse`,
    )
  }
  const figures: Figures = {}
  const details: Record<string, unknown> = {}
  const notes: string[] = []
  const report = () => ({
    ...figures,
    goals: judge(figures),
    complete: Object.keys(details).length === NAMES.length && !given.quick,
    sizes,
    machine,
    serverSettings: SERVER_SETTINGS,
    seconds: Math.round((performance.now() - began) / 1000),
    details,
    notes,
  })
  for (const name of chosen) {
    const start = performance.now()
    const measured = await MEASUREMENTS[name]!({ supervisor, sizes })
    const seconds = Math.round((performance.now() - start) / 1000)
    Object.assign(figures, measured.figures)
    details[name] = { seconds, ...measured.details }
    notes.push(...measured.notes)
    printLines(name, measured.lines, seconds)
    // After each: ten minutes of measuring must not be lost with the eleventh.
    if (given.json) await writeFile(String(given.json), `${JSON.stringify(report(), null, 2)}\n`)
  }
  console.log('')
  for (const note of notes) console.log(`  ${note}`)
  printGoals(judge(figures), given.quick === true)
}
