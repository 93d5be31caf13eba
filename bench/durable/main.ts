import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { loadavg } from 'node:os'
import { EmbeddedPostgres } from '@banyan/postgres'
import { helpText, main, readFlags, UsageError, wholeNumber } from '../../systems/options.ts'
import { machineFacts } from '../machine.ts'
import { chosenOf, printGoals, printLines, requireWritable } from '../report.ts'
import { interleave, rounded } from '../statistics.ts'
import { CONNECTIONS, RACES, type Race, STEPS } from './contender.ts'
import { against, type Figures, judge } from './goals.ts'
import { GRAPHILE_SETTINGS, GRAPHILE_SWEEP, openGraphileWorker } from './graphile-worker.ts'
import { openOurs } from './ours.ts'
import { BOSS_SETTINGS, BOSS_SWEEP, openPgBoss } from './pg-boss.ts'
import { runOnce, SERVER_SETTINGS } from './race.ts'

/** Pieces of work of one contender in one round: a few seconds each. */
type Sizes = Readonly<Record<Race, number>>
const FULL: Sizes = { relay: 50_000, saga: 10_000, schedule: 50_000 }
const QUICK: Sizes = { relay: 10_000, saga: 1_000, schedule: 10_000 }
const WHAT_OF: Readonly<Record<Race, string>> = {
  relay: 'events relayed',
  saga: `steps of sagas of ${STEPS}`,
  schedule: 'due jobs',
}

const FLAGS = [
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
  { name: 'only', value: 'A,B', text: `some of ${RACES.join(', ')}; all by default` },
  { name: 'rounds', value: 'N', text: 'rounds of each (5)' },
  {
    name: 'sweep',
    text: 'try settings of the others, one round each, and print how fast they are',
  },
  { name: 'quick', text: 'small sizes, 3 rounds: whether it runs, not how fast it is' },
]
const WHAT =
  'Measures the durable primitive beside pg-boss and graphile-worker, in interleaved rounds on one\n' +
  'embedded server. A ratio is our rate by that of the better of both, the median over the rounds.'

await main('npm run bench:durable', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run bench:durable', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const plan = {
    races: chosenOf(given, RACES),
    rounds: wholeNumber(given, 'rounds', given.quick ? 3 : 5, 1),
    sizes: given.quick ? QUICK : FULL,
    quick: given.quick === true,
    json: given.json === undefined ? null : String(given.json),
  }
  if (plan.json !== null) await requireWritable(plan.json)
  const server = await EmbeddedPostgres.start({ settings: SERVER_SETTINGS })
  try {
    await (given.sweep ? sweep(server, plan) : race(server, plan))
  } finally {
    await server.stop()
  }
  return 0
})

interface Plan {
  readonly races: readonly Race[]
  readonly rounds: number
  readonly sizes: Sizes
  readonly quick: boolean
  readonly json: string | null
}

async function race(server: EmbeddedPostgres, plan: Plan): Promise<void> {
  const machine = { ...(await machineFacts(server)), loadBefore: loadavg()[0]! }
  const versions = { pgBoss: versionOf('pg-boss'), graphileWorker: versionOf('graphile-worker') }
  const { cores, memoryMb, cpu, node, postgres, loadBefore } = machine
  console.log(`${cores} cores (${cpu}), ${memoryMb} MB, Node ${node}, PostgreSQL ${postgres}`)
  console.log(`pg-boss ${versions.pgBoss}, graphile-worker ${versions.graphileWorker}`)
  console.log(`fsync on, synchronous_commit on, ${CONNECTIONS} connections each`)
  if (loadBefore > 0.5) {
    console.log(`something else runs here (load ${loadBefore.toFixed(1)}): figures will be worse`)
  }
  const figures: Figures = {}
  const details: Record<string, unknown> = {}
  for (const race of plan.races) {
    const began = performance.now()
    const of = { server, race, count: plan.sizes[race] }
    const rounds = await interleave(
      plan.rounds,
      {
        ours: () => runOnce({ ...of, open: openOurs }),
        pgBoss: () => runOnce({ ...of, open: openPgBoss }),
        graphileWorker: () => runOnce({ ...of, open: openGraphileWorker }),
      },
      true,
    )
    const found = against(rounds)
    figures[race] = found
    const seconds = Math.round((performance.now() - began) / 1000)
    details[race] = {
      seconds,
      count: of.count,
      rounds: rounds.map((round) =>
        Object.fromEntries(Object.entries(round).map(([name, rate]) => [name, Math.round(rate)])),
      ),
    }
    const rate = (value: number) => `${value.toLocaleString('en')} /s`
    printLines(
      `${race}: ${WHAT_OF[race]}`,
      [
        ['ours', rate(found.ours)],
        ['pg-boss', rate(found.pgBoss)],
        ['graphile-worker', rate(found.graphileWorker)],
        ['ratio to the better of both', String(found.ratio)],
      ],
      seconds,
    )
    const report = {
      ...figures,
      goals: judge(figures),
      complete: plan.races.every((each) => each in details) && plan.races.length === RACES.length,
      quick: plan.quick,
      rounds: plan.rounds,
      sizes: plan.sizes,
      machine,
      versions,
      serverSettings: SERVER_SETTINGS,
      connections: CONNECTIONS,
      settings: { pgBoss: BOSS_SETTINGS, graphileWorker: GRAPHILE_SETTINGS, ours: 'defaults' },
      details,
    }
    if (plan.json !== null) await writeFile(plan.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  printGoals(judge(figures), plan.quick)
}

/** Which settings of the others are the fastest here: what they are raced with is chosen by it. */
async function sweep(server: EmbeddedPostgres, { races, sizes, rounds }: Plan): Promise<void> {
  for (const race of races) {
    const of = { server, race, count: sizes[race] }
    const contenders = Object.fromEntries([
      ...BOSS_SWEEP.map((settings) => [
        `pg-boss ${JSON.stringify(settings)}`,
        () => runOnce({ ...of, open: (setting) => openPgBoss(setting, settings) }),
      ]),
      ...GRAPHILE_SWEEP.map((settings) => [
        `graphile-worker ${JSON.stringify(settings)}`,
        () => runOnce({ ...of, open: (setting) => openGraphileWorker(setting, settings) }),
      ]),
    ]) as Record<string, () => Promise<number>>
    const all = await interleave(rounds, contenders, true)
    console.log(`\n${race}: fastest and slowest of ${rounds} rounds, 1/s`)
    for (const name of Object.keys(contenders)) {
      const rates = all.map((round) => round[name]!)
      console.log(
        `  ${name.padEnd(60)} ${rounded(Math.max(...rates), 0)}  ${rounded(Math.min(...rates), 0)}`,
      )
    }
  }
}

function versionOf(name: string): string {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
