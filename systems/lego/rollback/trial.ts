import { setTimeout as delay } from 'node:timers/promises'
import { Random, readHistory, type Supervisor, type Verdict } from '@banyan/lab'
import type { ExtractionStatus } from '@banyan/migration'
import { askAny, type Lego, startLego } from '../topology.ts'
import { Trial, TrialLoad } from '../trial.ts'
import { FAULTS, type FaultKind, Front } from './front.ts'

/** One fault, and how long it took until nobody asked the service any more. */
export interface Rollback {
  readonly fault: FaultKind
  /** Of the users, at the service when it began to fail. */
  readonly percent: number
  readonly paused: boolean
  /** From the first bad answer, as its user saw it, to the last request at the service. */
  readonly seconds: number
  /** Answers that were not good. */
  readonly badAnswers: number
  /** The gates that failed, as the ledger has them. */
  readonly gates: readonly string[]
}

export interface RollbackTrial {
  readonly rollbacks: readonly Rollback[]
  readonly verdict: Omit<Verdict, 'findings'> & { readonly divergent: number }
  readonly findings: readonly string[]
}

export interface RollbackOptions {
  readonly runs: number
  readonly seed: number
  /** Requests a second, of all users. */
  readonly rate: number
  readonly print: (line: string) => void
}

/** A run before its answers are known. */
interface Struck extends Pick<Rollback, 'fault' | 'percent' | 'paused' | 'gates'> {
  readonly from: number
  readonly until: number
  readonly lastRequestAt: number
}

const EXTRACTION = 'wishlist'
const SIZE = { rows: 1_200, users: 120, people: 100 }
const SHARES = [20, 50, 100]
/** Only errors are to bring users back here; where few ask, chance must not. */
const PLAN_ENV = {
  BANYAN_STEPS: SHARES.join(),
  BANYAN_STEP_NEXT: 'manual',
  BANYAN_STEP_SECONDS: '0',
  BANYAN_MINIMUM_COMPARED: '1',
  BANYAN_LATENCY_RATIO: '1000',
  BANYAN_SHADOW_DIFFERENCE: '1',
  BANYAN_HANDOVER_ATTEMPTS: '1000',
}
/** A phase that has not come after this long never will, ms. */
const PHASE_MS = 120_000
const LOOK_MS = 100
/** Whoever still asks the service after a rollback does it within this, ms. */
const LATE_MS = 500

/** Lets the service fail again and again, with some, half or all of the users there, paused or not. */
export async function runRollbacks(
  supervisor: Supervisor,
  options: RollbackOptions,
): Promise<RollbackTrial> {
  const fronts: Front[] = []
  const lego = await startLego(supervisor, {
    ...{ rows: SIZE.rows, users: SIZE.users, seed: 1 },
    extractions: [EXTRACTION],
    engines: 1,
    documentedPorts: false,
    env: PLAN_ENV,
    before: async (_, url) => {
      const front = await Front.before(url)
      fronts.push(front)
      return front.url
    },
    onStep: () => {},
  })
  const { rate, seed } = options
  const trial = await Trial.begin(new TrialLoad(supervisor), lego, {
    ...{ rate, seed, people: SIZE.people },
  })
  try {
    return await new Rollbacks(lego, trial, fronts[0]!, options).go()
  } finally {
    for (const front of fronts) front.close()
  }
}

class Rollbacks {
  readonly #lego: Lego
  readonly #trial: Trial
  readonly #front: Front
  readonly #options: RollbackOptions

  constructor(lego: Lego, trial: Trial, front: Front, options: RollbackOptions) {
    this.#lego = lego
    this.#trial = trial
    this.#front = front
    this.#options = options
  }

  async go(): Promise<RollbackTrial> {
    const { runs, seed, print } = this.#options
    const random = new Random(`rollback ${seed}`)
    await this.#act('start')
    await this.#until('the first users', ({ percent }) => percent === SHARES[0])
    const struck: Struck[] = []
    for (let run = 0; run < runs; run++) {
      // Every share, paused and not, before any comes again; the fault is the seed's to say.
      const percent = SHARES[Math.floor(run / 2) % SHARES.length]!
      const fault = random.pick(FAULTS)
      const one = await this.#strike(fault, percent, run % 2 === 1, 500 + random.below(2_000))
      struck.push(one)
      print(`fault ${run + 1} of ${runs}: the service ${fault}, ${placeOf(one)}`)
    }
    await this.#trial.load.end()
    const { divergent, examples } = await this.#trial.quiet([EXTRACTION])
    const { findings, ...verdict } = await this.#trial.judge({ [EXTRACTION]: 'source' })
    return {
      rollbacks: await this.#measured(struck),
      verdict: { ...verdict, divergent },
      findings: [...findings, ...examples],
    }
  }

  async #strike(
    fault: FaultKind,
    percent: number,
    paused: boolean,
    afterMs: number,
  ): Promise<Struck> {
    const now = await askAny(this.#lego, (control) => control.extraction(EXTRACTION))
    if (now.percent !== percent) await this.#act('promote', percent)
    await this.#until(`${percent} % of the users`, (status) => status.percent === percent)
    if (paused) {
      await this.#act('pause')
      await this.#until('the pause', (status) => status.paused)
    }
    await delay(afterMs)
    const from = Date.now()
    this.#front.fault = fault
    await this.#until('the rollback', ({ phase }) => phase === 'rolled back')
    await delay(LATE_MS)
    const { lastRequestAt } = this.#front
    this.#front.fault = null
    return {
      ...{ fault, percent, paused, from, lastRequestAt },
      until: Date.now(),
      gates: await this.#gatesThatFailed(),
    }
  }

  async #gatesThatFailed(): Promise<readonly string[]> {
    const { entries } = await askAny(this.#lego, (control) => control.ledger(EXTRACTION))
    const last = entries.findLast(({ kind, what }) => kind === 'decision' && what === 'rollback')
    return (last?.detail.gates as string[] | undefined) ?? []
  }

  /** Holds what the users saw against when the service was asked last. */
  async #measured(struck: readonly Struck[]): Promise<Rollback[]> {
    const bad = struck.map((): number[] => [])
    for await (const { doneAt, outcome } of readHistory(this.#trial.load.historyFile)) {
      if (outcome !== 'unknown') continue
      const run = struck.findIndex(({ from, until }) => doneAt >= from && doneAt <= until)
      bad[run]?.push(doneAt)
    }
    return struck.map(({ fault, percent, paused, gates, lastRequestAt }, run) => {
      const first = Math.min(...bad[run]!)
      const seconds = Math.round(lastRequestAt - first) / 1000
      return { fault, percent, paused, seconds, badAnswers: bad[run]!.length, gates }
    })
  }

  async #act(action: 'start' | 'promote' | 'pause', percent?: number): Promise<void> {
    const request = { by: 'prove', ...(percent === undefined ? {} : { percent }) }
    await askAny(this.#lego, (control) => control.act(EXTRACTION, action, request))
  }

  /** @throws when it does not come. */
  async #until(what: string, come: (status: ExtractionStatus) => boolean): Promise<void> {
    const deadline = Date.now() + PHASE_MS
    let last = 'the control plane did not answer'
    while (Date.now() < deadline) {
      // An engine that stands still for a moment is asked again.
      const status = await askAny(this.#lego, (control) => control.extraction(EXTRACTION)).catch(
        () => null,
      )
      if (status && come(status)) return
      if (status)
        last = `${status.phase}, ${status.percent} %, waits for ${status.waitsFor.join('; ')}`
      await delay(LOOK_MS)
    }
    throw new Error(`${what} did not come: ${last}`)
  }
}

export function placeOf({ percent, paused }: Pick<Rollback, 'percent' | 'paused'>): string {
  return `${percent} % of the users there${paused ? ', paused' : ''}`
}
