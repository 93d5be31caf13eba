import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Supervisor } from '@banyan/lab'
import { helpText, main, readFlags, UsageError, wholeNumber } from '../../systems/options.ts'
import { machineFacts } from '../machine.ts'
import { chosenOf, type Lines, printGoals, printLines, requireWritable } from '../report.ts'
import { compareCreation, type Stocks } from './creation.ts'
import type { Batch } from './files.ts'
import { fill } from './fill.ts'
import { type Creation, type Figures, judge, type Minute } from './goals.ts'
import { BESIDE, type Bed, runSpike, runSteady, SPIKE } from './minute.ts'
import { writeCatalogue } from './part-lists.ts'
import type { Summary } from './samples.ts'
import { run, SERVER_SETTINGS, SERVICES, type System, settingsOf, startSystem } from './system.ts'
import { usersOf } from './users.ts'

const PARTS = ['steady', 'spike', 'creation'] as const
const RATE = 500
const SECONDS = 60
/** Long enough for V8 to have compiled what each process does again and again: services that have just begun are not measured. */
const WARMUP_SECONDS = 60
const USERS = 500
const SIZES = { mocs: 3_000, images: 1_000, items: 3_000 }
const ROUNDS = 3
const SEED = 1

const FLAGS = [
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
  { name: 'only', value: 'A,B', text: `some of ${PARTS.join(', ')}; all by default` },
  { name: 'seconds', value: 'N', text: `of load that counts, each time (${SECONDS})` },
  { name: 'rate', value: 'N', text: `requests/s to MOC management (${RATE})` },
  { name: 'seed', value: 'N', text: `decides what is asked, and when (${SEED})` },
]
const WHAT =
  'Measures LEGO after its move, all on this machine: eight services behind a gateway, under an open-loop\n' +
  `load; the same while ${SPIKE} parts lists and ${SPIKE} uploads come at once; and the creation of MOCs beside the\n` +
  'monolith, in turns. Less than the usual seconds or rate is marked in the report: `reduced` is 1.'

await main('npm run bench:lego', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run bench:lego', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const plan = {
    parts: chosenOf(given, PARTS),
    seconds: wholeNumber(given, 'seconds', SECONDS, 1),
    rate: wholeNumber(given, 'rate', RATE, 1),
    seed: wholeNumber(given, 'seed', SEED, 0),
    json: given.json === undefined ? null : String(given.json),
  }
  if (plan.json !== null) await requireWritable(plan.json)
  const supervisor = await Supervisor.create({ name: 'lego-bench' })
  try {
    await measure(supervisor, plan)
    return 0
  } finally {
    await supervisor.stopAll()
  }
})

interface Plan {
  readonly parts: readonly (typeof PARTS)[number][]
  readonly seconds: number
  readonly rate: number
  readonly seed: number
  readonly json: string | null
}

async function measure(supervisor: Supervisor, plan: Plan): Promise<void> {
  const { seconds, rate, seed } = plan
  const loadBefore = loadavg()[0]!
  const began = performance.now()
  console.log('the services, the monolith and what they begin with')
  const { bed, stocks } = await prepare(supervisor, seed)
  const machine = { ...(await machineFacts(bed.system.servers.services)), loadBefore }
  const { cores, cpu, memoryMb, node, postgres } = machine
  console.log(`${cores} cores (${cpu}), ${memoryMb} MB, Node ${node}, PostgreSQL ${postgres}`)
  if (loadBefore > 0.5) {
    console.log(`something else runs here (load ${loadBefore.toFixed(1)}): figures will be worse`)
  }
  const figures: Figures = {}
  const done = new Set<string>()
  const reduced = seconds < SECONDS || rate < RATE
  const options = { rate, seconds, warmupSeconds: WARMUP_SECONDS }
  const finish = async (name: (typeof PARTS)[number], since: number, lines: Lines) => {
    done.add(name)
    printLines(name, lines, Math.round((performance.now() - since) / 1000))
    if (plan.json === null) return
    const report = {
      ...figures,
      goals: judge(figures),
      complete: done.size === PARTS.length && !reduced,
      // As a number, since requirements are held against numbers.
      reduced: reduced || done.size < PARTS.length ? 1 : 0,
      plan: { ...options, ...BESIDE, moc: rate, users: USERS, ...SIZES, rounds: ROUNDS, seed },
      machine,
      serverSettings: SERVER_SETTINGS,
      serviceSettings: Object.fromEntries(SERVICES.map((name) => [name, settingsOf(name)])),
      seconds: Math.round((performance.now() - began) / 1000),
    }
    await writeFile(plan.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  for (const part of plan.parts) {
    const since = performance.now()
    if (part === 'steady') {
      const made = await runSteady(bed, stocks.services, {
        ...options,
        seed: seed + 1,
        run: `steady${seed}`,
      })
      figures.steady = made.minute
      stocks.services = made.stock
      await finish(part, since, linesOf(made.minute))
    } else if (part === 'spike') {
      const made = await runSpike(bed, stocks.services, {
        ...options,
        seed: seed + 2,
        run: `spike${seed}`,
      })
      figures.spike = made.minute
      stocks.services = made.stock
      const uploads = ['uploads', batchText(made.minute.uploads)] as const
      await finish(part, since, [...linesOf(made.minute), uploads])
    } else {
      // A quarter of it has seven of everyday's parts lists, too few: the ratio was 0.20 one time and 0.44 another.
      const everydays = { rounds: ROUNDS, seconds, seed: seed + 3, rate }
      const everyday = await compareCreation(bed, stocks, everydays, 'everyday')
      const of = { ...everydays, seconds: Math.ceil(seconds / 4) }
      const alone = await compareCreation(bed, stocks, of, 'alone')
      const besideLists = await compareCreation(bed, stocks, of, 'besideLists')
      figures.creation = { everyday, alone, besideLists }
      await finish(part, since, [
        ["in everyday's load", creationText(everyday)],
        ['alone', creationText(alone)],
        ['while parts lists are read', creationText(besideLists)],
      ])
    }
  }
  printGoals(judge(figures), reduced)
}

async function prepare(
  supervisor: Supervisor,
  seed: number,
): Promise<{ bed: Bed; stocks: Stocks }> {
  const items = USERS * 6
  const system = await startSystem(supervisor, { users: USERS, items, seed })
  await importCatalogue(supervisor, system)
  const users = await usersOf(system.databases.auth, USERS, seed)
  const services = await fill(system.gateway.url, users, SIZES, seed)
  const monolith = await fill(system.monolithGateway.url, users, SIZES, seed)
  return { bed: { supervisor, system, users }, stocks: { services, monolith } }
}

async function importCatalogue(supervisor: Supervisor, { databases }: System): Promise<void> {
  const sources = await writeCatalogue(join(supervisor.folder, 'catalogue'))
  const { dumps, colours, partIds } = sources
  const file = '../../systems/lego/services/processing/catalogue/main.ts'
  await run(supervisor, 'catalogue', fileURLToPath(new URL(file, import.meta.url)), {
    args: ['--dumps', dumps, '--colours', colours, '--part-ids', partIds],
    env: { DATABASE_URL: databases.processing },
  })
}

function linesOf(minute: Minute): Lines {
  const { moc, mocReads, mocWrites, mocValidated, gallery, wishlist, profile, search } = minute
  const { routing, indexLag, propagation, partsLists, failures, generatorLate, cpuMs } = minute
  const failed = Object.entries(failures).map(([what, count]) => `${what}: ${count}`)
  const used = Object.entries(cpuMs).filter(([, ms]) => ms > 0)
  return [
    ['counted', `${minute.seconds} s`],
    ['MOC management', `${summaryText(moc)}; ${minute.mocRate} requests/s`],
    ['  reads', summaryText(mocReads)],
    ['  writes', summaryText(mocWrites)],
    ['  writes that Gallery validates', summaryText(mocValidated)],
    ['Gallery', summaryText(gallery)],
    ['Wishlist', summaryText(wishlist)],
    ['Profile', summaryText(profile)],
    ['Search', summaryText(search)],
    ['the gateway alone', summaryText(routing)],
    ['until search finds a new MOC', summaryText(indexLag)],
    ['until all have handled an event', summaryText(propagation.tookMs)],
    ['parts lists', batchText(partsLists)],
    ['  each read in', summaryText(partsLists.readMs)],
    [
      'failed',
      `${(minute.failedShare * 100).toFixed(2)} %${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`,
    ],
    ['the generator was late by', summaryText(generatorLate)],
    ['CPU', used.map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s`).join(', ')],
  ]
}

function summaryText({ p50, p95, p99, max, samples }: Summary): string {
  return `p50 ${p50}, p95 ${p95}, p99 ${p99}, at most ${max} ms (${samples})`
}

function batchText({ count, failedShare, failures, tookMs }: Batch): string {
  const why = Object.entries(failures).map(([what, times]) => `${what}: ${times}`)
  const failed = failedShare === 0 ? 'none failed' : `failed: ${why.join(', ')}`
  return `${count}, ${failed}; ${summaryText(tookMs)}`
}

function creationText({ services, monolith, timeRatio, failures }: Creation): string {
  const failed = Object.entries(failures).map(([what, count]) => `; ${what}: ${count}`)
  return `p95 ${services.p95} ms, on the monolith ${monolith.p95} ms: ${timeRatio} of its time${failed.join('')}`
}
