import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Supervisor } from '@banyan/lab'
import {
  bringsRows,
  type ExtractionName,
  type Lego,
  retireMonolith,
  runBanyan,
} from './lego/topology.ts'
import { Trial, type TrialLoad, type TrialOptions } from './lego/trial.ts'

export interface RetirementOptions {
  readonly supervisor: Supervisor
  readonly lego: Lego
  readonly load: TrialLoad
  /** In the order in which they were completed: tables that others refer to go after those. */
  readonly extractions: readonly ExtractionName[]
  readonly trial: TrialOptions
  say(text: string): void
}

/** Acknowledged writes after the monolith has nothing left; enough to have met every route. */
const WRITES = 1_000
/** Not waited for longer, ms. */
const WITHIN_MS = 60_000
const LOOK_MS = 250

/**
 * Archives and drops the monolith's tables and takes it out of service, while its users are at work.
 *
 * @returns whether no request of theirs failed, nothing was lost, and nothing was asked of the monolith any more.
 */
export async function retire(options: RetirementOptions): Promise<boolean> {
  const { supervisor, lego, load, extractions, say } = options
  const trial = await Trial.begin(load, lego, { ...options.trial, moved: extractions, tag: 'end' })
  say(`${trial.people.length} users at work; the monolith is retired under them`)
  for (const name of extractions.filter(bringsRows)) {
    const folder = join(supervisor.folder, `archive-${name}`)
    await runBanyan(supervisor, lego, ['archive', name, '--to', folder, '--by', 'demo'])
    const copy = await lego.source.createDatabase(`restored_${name}`)
    await runBanyan(supervisor, lego, ['restore', folder, '--database', copy])
    await runBanyan(supervisor, lego, ['drop', name, '--archive', folder, '--yes', '--by', 'demo'])
    say(`${name}: archived, restored into another database, dropped`)
  }
  await runBanyan(supervisor, lego, ['retire', '--yes', '--by', 'demo'])
  const health = await retireMonolith(supervisor, lego)
  say('the monolith was started anew and serves its health alone')

  const enough = load.counts.acknowledgedWrites + WRITES
  const patience = Date.now() + WITHIN_MS
  while (load.counts.acknowledgedWrites < enough && Date.now() < patience) await delay(LOOK_MS)
  await load.end()
  const owners = Object.fromEntries(extractions.map((name) => [name, 'target' as const]))
  const { lost, duplicated, stale, acknowledged } = await trial.judge(owners)
  const { failed, sent } = load.counts
  const { retired, refused } = await health()
  say(
    `${sent.toLocaleString('en')} requests, ${failed} failed; ${acknowledged.toLocaleString('en')} writes, ${lost} lost; ` +
      `${refused} requests at the retired monolith`,
  )
  return retired && refused + failed + lost + duplicated + stale === 0
}
