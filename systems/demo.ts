import { Supervisor } from '@banyan/lab'
import { Demo } from './demo-run.ts'
import plan from './lego/banyan.config.ts'
import { DATA_PLANES } from './lego/haproxy.ts'
import { EXTRACTIONS, type ExtractionName } from './lego/topology.ts'
import { type Flag, helpText, main, oneOf, readFlags, UsageError, wholeNumber } from './options.ts'

/** Requests a second that two cores carry, with all that moves beside them: one service, or eight. */
const RATE = { one: 250, system: 120 }

const FLAGS: readonly Flag[] = [
  { name: 'once', text: 'end after the verdict; the exit code is 1 if anything went wrong' },
  { name: 'system', value: 'lego', text: 'move everything that can leave it, one after the other' },
  { name: 'only', value: 'A,B', text: `with --system: some of ${EXTRACTIONS.join(', ')}` },
  {
    name: 'gateway',
    value: 'NAME',
    text: `without --system: what requests go through, ${DATA_PLANES.join(' or ')} (banyan)`,
  },
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
  { name: 'rows', value: 'N', text: 'wishlist items in the monolith (100000)' },
  {
    name: 'rate',
    value: 'N',
    text: `requests a second of all clients (${RATE.one}; ${RATE.system} with --system)`,
  },
  { name: 'clients', value: 'N', text: 'users who work at the same time (200)' },
  { name: 'seed', value: 'N', text: 'decides the data and what the users do (1)' },
]
const WHAT =
  'Moves Wishlist out of the LEGO monolith while users read and write: copy, verify, shadow,\n' +
  '1, 10, 50, 100 %, back to 0 %, 100 % again, complete. Then a checker says what was lost.'

await main('npm start', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm start', WHAT, FLAGS))
    return 0
  }
  if (given.system !== undefined && given.system !== 'lego') {
    throw new UsageError(`--system is "${given.system}"; there is lego`)
  }
  const dataPlane = oneOf(given, 'gateway', DATA_PLANES)
  if (given.system !== undefined && dataPlane !== 'banyan') {
    throw new UsageError(`--gateway ${dataPlane} moves Wishlist alone: leave --system out`)
  }
  const options = {
    dataPlane,
    extractions: given.system ? chosen(given.only as string | undefined) : (['wishlist'] as const),
    whole: given.system !== undefined,
    rows: wholeNumber(given, 'rows', 100_000, 1_000),
    rate: wholeNumber(given, 'rate', given.system ? RATE.system : RATE.one, 1),
    people: wholeNumber(given, 'clients', 200, 1),
    seed: wholeNumber(given, 'seed', 1, 0),
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const supervisor = await Supervisor.create({ name: 'banyan-demo' })
  try {
    return await new Demo(supervisor, options).run(given.once === true, given.json as string)
  } finally {
    await supervisor.stopAll()
  }
})

/** Which of all that can move do, in their order. */
function chosen(only: string | undefined): readonly ExtractionName[] {
  if (only === undefined) return EXTRACTIONS
  const names = only.split(',')
  const unknown = names.filter((name) => !EXTRACTIONS.some((one) => one === name))
  if (unknown.length > 0) {
    throw new UsageError(
      `--only names "${unknown.join(', ')}"; there are ${EXTRACTIONS.join(', ')}`,
    )
  }
  for (const { name, completeAfter = [] } of plan.extractions) {
    const missing = completeAfter.filter((other) => !names.includes(other))
    if (names.includes(name) && missing.length > 0) {
      throw new UsageError(`--only names ${name}, which is completed after ${missing.join(', ')}`)
    }
  }
  return EXTRACTIONS.filter((name) => names.includes(name))
}
