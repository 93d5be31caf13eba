import { readFile } from 'node:fs/promises'
import { HistoryFile, Load, type LoadCounts } from '@banyan/lab'
import { Builder } from './builder.ts'
import { Filer } from './filer.ts'
import { Parser } from './parser.ts'
import { Photographer } from './photographer.ts'
import { Searcher } from './searcher.ts'
import { type Person, Wisher } from './wisher.ts'

/** What the load process is given, as a file of JSON. */
export interface LoadSetting {
  /** Base URLs of the gateways. */
  readonly urls: readonly string[]
  /** Requests a second. */
  readonly rate: number
  readonly seed: number
  readonly people: readonly Person[]
  /** Where the history is written. */
  readonly history: string
}

/** What it prints, one line of JSON each. */
export type LoadEvent = { readonly event: 'listening' | 'progress' | 'finished' } & LoadCounts

const PROGRESS_MS = 500
/** Longer than anything is held; a gateway that stands still longer will not answer, ms. */
const TIMEOUT_MS = 5_000
/**
 * Nobody would move a monolith that was started this second. A cold process takes one connection in each long turn of
 * its event loop (decision 092): whoever came with everybody else at once would wait for seconds.
 */
const RAMP_MS = 3_000

// A process of its own: clients that share an event loop with what they measure, or with each
// other's checker, would be late for reasons that are not the gateway's. SIGTERM ends it: it waits for
// the answers that are due, writes the history out and says what it counted.
const setting = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as LoadSetting
const history = new HistoryFile(setting.history)
const load = new Load({
  urls: setting.urls,
  timeoutMs: TIMEOUT_MS,
  rate: setting.rate,
  rampMs: RAMP_MS,
  seed: setting.seed,
  history,
  // Who also works elsewhere does so beside: as if the same user had a second window open.
  clients: setting.people.flatMap((person) => [
    new Wisher(person),
    ...(person.images ? [new Photographer(person, person.images)] : []),
    ...(person.mocs ? [new Builder(person, person.mocs)] : []),
    ...(person.searches ? [new Searcher(person)] : []),
    ...(person.parses ? [new Parser(person)] : []),
    ...(person.files ? [new Filer(person, person.files)] : []),
  ]),
})
const say = (event: LoadEvent['event']) => console.log(JSON.stringify({ event, ...load.counts }))

load.start()
say('listening')
const progress = setInterval(say, PROGRESS_MS, 'progress')
process.once('SIGTERM', async () => {
  clearInterval(progress)
  await load.stop()
  await history.close()
  say('finished')
})
