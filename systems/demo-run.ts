import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile, Screen, type Supervisor } from '@banyan/lab'
import type { ControlClient, ExtractionStatus, Phase } from '@banyan/migration'
import { headline, liveView, type Report, summary } from './demo-view.ts'
import { type Lego, startLego } from './lego/topology.ts'
import { Trial, TrialLoad } from './lego/trial.ts'

const NAME = 'wishlist'
const BY = { by: 'demo' }
/** The demonstration watches each step for seconds where a real move takes minutes or days. */
const PLAN_ENV = {
  BANYAN_STEP_SECONDS: '4',
  BANYAN_SOAK_SECONDS: '4',
  BANYAN_MINIMUM_REQUESTS: '30',
  // Everything shares two cores here: a ratio of latencies says more about them than about the service.
  BANYAN_LATENCY_RATIO: '10',
}
/** Fewer acknowledged writes would say little: the users go on until there are so many, at most this long, ms. */
const WRITES = 10_000
const WRITES_WITHIN_MS = 90_000
/** How long one phase may take before the demonstration gives up, ms. */
const PHASE_MS = 20 * 60_000
const LOOK_MS = 250
const FIGURES_MS = 700

export interface DemoOptions {
  readonly rows: number
  readonly rate: number
  readonly people: number
  readonly seed: number
}

/** What `npm start` runs: the whole move, live, with its users, and the verdict. */
export class Demo {
  readonly #supervisor: Supervisor
  readonly #options: DemoOptions
  readonly #screen = new Screen()
  readonly #begun = performance.now()
  readonly #lags: number[] = []
  #phase = { name: null as Phase | null, since: 0, said: false }
  #handovers = 0

  constructor(supervisor: Supervisor, options: DemoOptions) {
    this.#supervisor = supervisor
    this.#options = options
  }

  /** @returns the exit code. */
  async run(once: boolean, json: string | undefined): Promise<number> {
    try {
      return await this.#run(once, json)
    } catch (error) {
      if (!(error instanceof DemoError)) throw error
      this.#screen.clear()
      console.error([`\nThe move has stopped: ${error.message}`, ...error.details].join('\n  '))
      this.#keepLogs()
      return 1
    }
  }

  async #run(once: boolean, json: string | undefined): Promise<number> {
    const { rows, seed } = this.#options
    this.#say(`seed ${seed}; logs in ${this.#supervisor.folder}`)
    const lego = await startLego(this.#supervisor, {
      rows,
      seed,
      engines: 1,
      documentedPorts: true,
      env: PLAN_ENV,
      onStep: (what) => this.#say(`starting ${what}`),
    })
    const trial = await Trial.begin(new TrialLoad(this.#supervisor), lego, this.#options)
    this.#say(`${trial.people.length} users at work, ${this.#options.rate} requests/s`)
    this.#say(`gateway ${lego.gateways[0].url}, control API ${lego.engines[0]!.url}`)
    const before = await this.#move(lego, trial)
    const { report, findings } = await this.#judge(lego, trial, before)
    this.#screen.clear()
    console.log(summary(report, findings, trial.counts))
    if (json) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
    const good = isGood(report)
    if (!good) this.#keepLogs()
    if (!once) await this.#stayUp(lego)
    return good ? 0 : 1
  }

  /** The extraction with everything in it; answers its figures as they stood before it was completed. */
  async #move(lego: Lego, trial: Trial): Promise<ExtractionStatus> {
    const control = lego.controls[0]!
    await control.act(NAME, 'start', BY)
    const soaking = await this.#until(control, trial, 'soaking')

    const refusal = await trial.writeBehindTheGateway()
    this.#say(`a write past the gateway was refused, ${refusal.code}: ${refusal.message}`)
    const counted = await this.#watch(
      control,
      trial,
      (status) => status.refusals.source > soaking.refusals.source,
    )
    this.#say(`banyan status counts ${counted.refusals.source} refused write(s) at the monolith`)

    this.#say('rollback: everything back to the monolith')
    await control.act(NAME, 'rollback', BY)
    await this.#until(control, trial, 'rolled back')
    await this.#pause(control, trial, 3_000)

    this.#say('promote: everything to the service again')
    await control.act(NAME, 'promote', { ...BY, percent: 100 })
    await this.#until(control, trial, 'soaking')

    const patience = Date.now() + WRITES_WITHIN_MS
    const enough = () => trial.counts.acknowledgedWrites >= WRITES || Date.now() > patience
    await this.#watch(control, trial, enough)
    await trial.load.end()
    const rows = await trial.quiet([NAME])
    this.#say(`the users have stopped; both sides hold ${rows.target.toLocaleString('en')} rows`)
    await control.act(NAME, 'complete', BY)
    const before = await control.extraction(NAME)
    await this.#until(control, trial, 'completed')
    return before
  }

  async #judge(
    lego: Lego,
    trial: Trial,
    before: ExtractionStatus,
  ): Promise<{ report: Report; findings: string[] }> {
    const [verdict, rows, leftovers, ledger, status] = [
      await trial.judge({ wishlist: 'target', profile: 'source' }),
      await trial.quiet([NAME]),
      await trial.leftovers(),
      await lego.controls[0]!.ledger(NAME),
      await lego.controls[0]!.extraction(NAME),
    ]
    const handovers = status.handovers
      .filter((one) => one.outcome === 'done')
      .map(({ from, to, buckets, holdMs }) => ({ from, to, buckets, holdMs }))
    const holds = handovers.map((one) => one.holdMs)
    const spread = (values: number[]) => ({
      p50: percentile(values, 0.5),
      p99: percentile(values, 0.99),
    })
    const { sent, failed } = trial.counts
    const { acknowledged, lost, duplicated, stale } = verdict
    return {
      report: {
        extraction: NAME,
        phase: status.phase,
        requests: { sent, failed },
        writes: { acknowledged, lost, duplicated, stale },
        rows: { source: rows.source, target: rows.target, divergent: rows.divergent },
        handovers,
        holdMs: spread(holds),
        lagMs: spread(this.#lags),
        copy: { rows: before.copy.rows, rowsPerSecond: before.copy.rowsPerSecond },
        shadow: { compared: before.shadow.compared, differing: before.shadow.differing },
        ledger: { entries: ledger.entries.length, verified: ledger.verified },
        leftovers: leftovers.length,
      },
      findings: [...verdict.findings, ...rows.examples, ...leftovers],
    }
  }

  #until(control: ControlClient, trial: Trial, phase: Phase): Promise<ExtractionStatus> {
    return this.#watch(control, trial, (status) => status.phase === phase, phase)
  }

  /** Shows the progress until `holds`. @throws when the extraction rolls back or pauses by itself. */
  async #watch(
    control: ControlClient,
    trial: Trial,
    holds: (status: ExtractionStatus) => boolean,
    wanted?: Phase,
  ): Promise<ExtractionStatus> {
    const deadline = Date.now() + PHASE_MS
    for (;;) {
      const status = await control.extraction(NAME)
      this.#show(status, trial)
      if (holds(status)) return status
      const unasked = status.phase === 'rolling back' && wanted !== 'rolled back'
      if (unasked || status.paused || status.phase === 'cancelled') {
        throw new DemoError(
          `the extraction is ${status.paused ? `paused: ${status.pausedWhy}` : status.phase}`,
          [
            ...(await this.#lastDecisions(control)),
            ...status.shadow.differences.map(
              ({ path, count, example: { request, owner, other } }) =>
                `shadow: ${count} × ${path} of ${request}: ${owner} at the owner, ${other} at the other`,
            ),
            ...status.verify.examples,
          ],
        )
      }
      if (Date.now() > deadline) {
        throw new DemoError(
          `${status.phase} takes too long; it waits for ${status.waitsFor.join('; ')}`,
        )
      }
      await delay(LOOK_MS)
    }
  }

  async #lastDecisions(control: ControlClient): Promise<string[]> {
    const { entries } = await control.ledger(NAME)
    return entries
      .filter(({ kind, what }) => kind === 'decision' || what === 'paused')
      .slice(-3)
      .map(({ at, what, detail }) => `${at} ${what} ${JSON.stringify(detail)}`)
  }

  async #pause(control: ControlClient, trial: Trial, ms: number): Promise<void> {
    const end = Date.now() + ms
    await this.#watch(control, trial, () => Date.now() > end, 'rolled back')
  }

  #show(status: ExtractionStatus, trial: Trial): void {
    for (const { lagMs } of Object.values(status.streams)) {
      if (lagMs !== null && status.phase !== 'copying') this.#lags.push(lagMs)
    }
    if (status.phase !== this.#phase.name) {
      this.#phase = { name: status.phase, since: Date.now(), said: false }
    }
    // The engine writes its figures down every half second; before that they are of the phase before.
    if (!this.#phase.said && Date.now() - this.#phase.since > FIGURES_MS) {
      this.#say(headline(status))
      this.#phase.said = true
    }
    for (const one of status.handovers.slice(this.#handovers)) {
      const what = `${one.buckets} buckets ${one.from} → ${one.to}`
      this.#say(
        one.outcome === 'done'
          ? `handover: ${what}, writes held ${one.holdMs} ms`
          : `handover: ${what} was aborted and will be tried again: ${one.why}`,
      )
    }
    this.#handovers = status.handovers.length
    this.#screen.section(liveView(status, trial.counts))
  }

  #keepLogs(): void {
    this.#supervisor.keepFolder()
    console.log(`Logs and histories are kept in ${this.#supervisor.folder}`)
  }

  async #stayUp(lego: Lego): Promise<void> {
    const { env } = lego
    console.log(
      [
        '',
        'Still running, to be explored:',
        `  gateway          ${lego.gateways[0].url}/api/wishlist`,
        `  monolith         ${env.MONOLITH_URL}`,
        `  wishlist service ${env.WISHLIST_URL}`,
        `  control API      ${lego.engines[0]!.url}/v1/status`,
        `  monolith's data  ${lego.urls.monolith}`,
        `  service's data   ${lego.urls.wishlist}`,
        `  status           BANYAN_CONTROL_TOKEN=${env.BANYAN_CONTROL_TOKEN} npx banyan status --control ${lego.engines[0]!.url}`,
        'Ctrl-C ends everything and leaves nothing behind.',
      ].join('\n'),
    )
    // The supervisor ends the process at a signal.
    await new Promise(() => setInterval(() => {}, 60_000))
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(1).padStart(6)
    this.#screen.line(`${seconds} s  ${text}`)
  }
}

/** The extraction does not go on by itself; `details` say what is known of why. */
class DemoError extends Error {
  readonly details: readonly string[]

  constructor(message: string, details: readonly string[] = []) {
    super(message)
    this.details = details
  }
}

function isGood({ phase, requests, writes, rows, ledger, leftovers }: Report): boolean {
  const wrong =
    requests.failed + writes.lost + writes.duplicated + writes.stale + rows.divergent + leftovers
  return phase === 'completed' && wrong === 0 && ledger.verified
}
