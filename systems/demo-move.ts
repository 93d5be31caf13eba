import { setTimeout as delay } from 'node:timers/promises'
import { type LoadCounts, percentile, type Screen, type Verdict } from '@banyan/lab'
import type { ControlClient, ExtractionStatus, Phase } from '@banyan/migration'
import { headline, liveView, type Report } from './demo-view.ts'
import { linkKeeper } from './lego/reconciliation/link-keeper.ts'
import { type ReconciliationReport, reconcile } from './lego/reconciliation/reconcile.ts'
import { bringsRows, type ExtractionName, type Lego, type RowsName } from './lego/topology.ts'
import type { Trial } from './lego/trial.ts'

const BY = { by: 'demo' }
/** The users go on until enough is written, at most this long, ms. */
const WRITES_WITHIN_MS = 90_000
/** What moves is in use: the users come first, and have all come by then, ms. */
const AT_WORK_MS = 5_000
/** How long one phase may take before the demonstration gives up, ms. */
const PHASE_MS = 20 * 60_000
const LOOK_MS = 250
const FIGURES_MS = 700

/** What is printed, above the section that is redrawn. */
export interface Voice {
  readonly screen: Screen
  say(text: string): void
}

export interface MoveOptions {
  readonly name: ExtractionName
  readonly lego: Lego
  readonly trial: Trial
  /** What has moved before: it belongs to what is judged. */
  readonly moved: readonly ExtractionName[]
  /** Acknowledged writes until it is completed; not waited for longer than 90 s. */
  readonly writes: number
  readonly voice: Voice
}

/** What was seen while its users were at work. */
interface Moved {
  readonly verdict: Verdict
  readonly counts: LoadCounts
  /** Its figures as they stood before it was completed. */
  readonly before: ExtractionStatus
}

export interface Judged {
  readonly report: Report
  readonly findings: readonly string[]
  readonly counts: LoadCounts
}

/** One extraction, there, back, there again and to its end, under the load of a trial. */
export class Move {
  readonly #options: MoveOptions
  readonly #name: ExtractionName
  readonly #trial: Trial
  readonly #voice: Voice
  readonly #lags: number[] = []
  #moved: Moved | null = null
  #phase = { name: null as Phase | null, since: 0, said: false }
  #handovers = 0

  constructor(options: MoveOptions) {
    this.#options = options
    this.#name = options.name
    this.#trial = options.trial
    this.#voice = options.voice
  }

  get name(): ExtractionName {
    return this.#name
  }

  /**
   * The extraction with everything in it, until the service owns all for good but for the last word.
   *
   * @throws DemoError when it rolls back or pauses by itself.
   */
  async move(): Promise<void> {
    const trial = this.#trial
    const name = this.#name
    const control = this.#control
    await this.#pause(AT_WORK_MS)
    await control.act(name, 'start', BY)
    const soaking = await this.#until('soaking')
    if (bringsRows(name)) await this.#tryPastTheGateway(name, soaking)

    this.#voice.say('rollback: everything back to the monolith')
    await control.act(name, 'rollback', BY)
    await this.#until('rolled back')
    await this.#pause(3_000)

    this.#voice.say('promote: everything to the service again')
    await control.act(name, 'promote', { ...BY, percent: 100 })
    await this.#until('soaking')

    const patience = Date.now() + WRITES_WITHIN_MS
    const enough = () =>
      trial.counts.acknowledgedWrites >= this.#options.writes || Date.now() > patience
    await this.#watch(enough)
    await trial.load.end()
    const rows = await trial.quiet([name])
    const what = bringsRows(name) ? 'rows' : 'files'
    const held =
      rows.target > 0
        ? `both sides hold ${rows.target.toLocaleString('en')} ${what}`
        : 'nothing but requests has moved'
    this.#voice.say(`the users have stopped; ${held}`)
    const owners = [...this.#options.moved, name].map((one) => [one, 'target' as const])
    this.#moved = {
      verdict: await trial.judge(Object.fromEntries(owners)),
      counts: { ...trial.counts },
      before: await control.extraction(name),
    }
  }

  /** Compares, and repairs, while both sides are kept equal; then the extraction ends. Nobody must be at work. */
  async complete(): Promise<ReconciliationReport> {
    await this.#trial.quiet([this.#name])
    const found = await this.#reconcile()
    const { compared, differing, repaired, unlinked } = found
    const links = unlinked > 0 ? `, ${unlinked} linked images are gone and linked no more` : ''
    this.#voice.say(
      `${this.#name}: ${compared.toLocaleString('en')} rows reconciled, ${repaired} repaired, ${differing} differ${links}`,
    )
    const control = this.#control
    await control.act(this.#name, 'complete', BY)
    await this.#until('completed')
    return found
  }

  async #reconcile(): Promise<ReconciliationReport> {
    const { urls, services, reconciliationKey: key } = this.#options.lego
    const links = services.moc && linkKeeper({ url: services.moc.url, key })
    try {
      return await reconcile({
        control: this.#control,
        urls,
        extractions: bringsRows(this.#name) ? [this.#name] : [],
        ...BY,
        ...(links ? { links } : {}),
      })
    } finally {
      await links?.close()
    }
  }

  async #tryPastTheGateway(name: RowsName, soaking: ExtractionStatus): Promise<void> {
    const refusal = await this.#trial.writeBehindTheGateway(name)
    this.#voice.say(`a write past the gateway was refused, ${refusal.code}: ${refusal.message}`)
    const counted = await this.#watch((status) => status.refusals.source > soaking.refusals.source)
    this.#voice.say(
      `banyan status counts ${counted.refusals.source} refused write(s) at the monolith`,
    )
  }

  /** @param leftovers what is left of ours in all databases, once nothing is under way any more. */
  async judge(leftovers: readonly string[]): Promise<Judged> {
    const trial = this.#trial
    const name = this.#name
    const { verdict, counts, before } = this.#moved!
    const [rows, ledger, status] = [
      await trial.quiet([name]),
      await this.#control.ledger(name),
      await this.#control.extraction(name),
    ]
    const handovers = status.handovers
      .filter((one) => one.outcome === 'done')
      .map(({ from, to, buckets, holdMs }) => ({ from, to, buckets, holdMs }))
    const holds = handovers.map((one) => one.holdMs)
    const spread = (values: number[]) => ({
      p50: percentile(values, 0.5),
      p99: percentile(values, 0.99),
    })
    const { sent, failed } = counts
    const { acknowledged, lost, duplicated, stale } = verdict
    return {
      report: {
        extraction: name,
        kind: status.kind,
        phase: status.phase,
        requests: { sent, failed },
        writes: { acknowledged, lost, duplicated, stale },
        rows: { source: rows.source, target: rows.target, divergent: rows.divergent },
        handovers,
        holdMs: spread(holds),
        lagMs: spread(this.#lags),
        ...(before.objects ? { objects: objectsOf(before.objects) } : {}),
        copy: { rows: before.copy.rows, rowsPerSecond: before.copy.rowsPerSecond },
        shadow: { compared: before.shadow.compared, differing: before.shadow.differing },
        ledger: { entries: ledger.entries.length, verified: ledger.verified },
        leftovers: leftovers.length,
      },
      counts,
      findings: [
        ...verdict.findings,
        ...rows.examples,
        ...leftovers,
        ...differencesOf(before.shadow),
      ],
    }
  }

  #until(phase: Phase): Promise<ExtractionStatus> {
    return this.#watch((status) => status.phase === phase, phase)
  }

  /** Shows the progress until `holds`. @throws when the extraction rolls back or pauses by itself. */
  async #watch(
    holds: (status: ExtractionStatus) => boolean,
    wanted?: Phase,
  ): Promise<ExtractionStatus> {
    const deadline = Date.now() + PHASE_MS
    for (;;) {
      const status = await this.#control.extraction(this.#name)
      this.#show(status)
      if (holds(status)) return status
      const unasked = status.phase === 'rolling back' && wanted !== 'rolled back'
      if (unasked || status.paused || status.phase === 'cancelled') {
        // The figures of what stopped it come a little after the phase.
        await delay(FIGURES_MS)
        const { shadow, verify } = await this.#control.extraction(this.#name)
        throw new DemoError(
          `the extraction is ${status.paused ? `paused: ${status.pausedWhy}` : status.phase}`,
          [...(await this.#lastDecisions()), ...differencesOf(shadow), ...verify.examples],
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

  async #lastDecisions(): Promise<string[]> {
    const { entries } = await this.#control.ledger(this.#name)
    return entries
      .filter(({ kind, what }) => kind === 'decision' || what === 'paused')
      .slice(-3)
      .map(({ at, what, detail }) => `${at} ${what} ${JSON.stringify(detail)}`)
  }

  async #pause(ms: number): Promise<void> {
    const end = Date.now() + ms
    await this.#watch(() => Date.now() > end, 'rolled back')
  }

  #show(status: ExtractionStatus): void {
    for (const { lagMs } of Object.values(status.streams)) {
      if (lagMs !== null && status.phase !== 'copying') this.#lags.push(lagMs)
    }
    if (status.phase !== this.#phase.name) {
      this.#phase = { name: status.phase, since: Date.now(), said: false }
    }
    // The engine writes its figures down every half second; before that they are of the phase before.
    if (!this.#phase.said && Date.now() - this.#phase.since > FIGURES_MS) {
      this.#voice.say(headline(status))
      this.#phase.said = true
    }
    for (const one of status.handovers.slice(this.#handovers)) {
      const what = `${one.buckets} buckets ${one.from} → ${one.to}`
      this.#voice.say(
        one.outcome === 'done'
          ? `handover: ${what}, writes held ${one.holdMs} ms`
          : `handover: ${what} was aborted and will be tried again: ${one.why}`,
      )
    }
    this.#handovers = status.handovers.length
    this.#voice.screen.section(liveView(status, this.#trial.counts))
  }

  get #control(): ControlClient {
    return this.#options.lego.controls[0]!
  }
}

/** The extraction does not go on by itself; `details` say what is known of why. */
export class DemoError extends Error {
  readonly details: readonly string[]

  constructor(message: string, details: readonly string[] = []) {
    super(message)
    this.details = details
  }
}

function differencesOf({ differences }: ExtractionStatus['shadow']): string[] {
  return differences.map(
    ({ path, count, example: { request, owner, other } }) =>
      `shadow: ${count} × ${path} of ${request}: ${owner} at the owner, ${other} at the other`,
  )
}

function objectsOf({ objects, bytes, verified }: NonNullable<ExtractionStatus['objects']>) {
  return { objects, bytes, compared: verified?.compared ?? 0, differing: verified?.differing ?? 0 }
}

export function isGood({ phase, requests, writes, rows, ledger, leftovers }: Report): boolean {
  const wrong =
    requests.failed + writes.lost + writes.duplicated + writes.stale + rows.divergent + leftovers
  return phase === 'completed' && wrong === 0 && ledger.verified
}
