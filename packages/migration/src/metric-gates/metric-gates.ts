import type { Judgement } from '../gates.ts'
import type { ResolvedExtraction } from '../plan.ts'
import type { GateFigure } from '../status.ts'
import { runCommand } from './command.ts'
import { askPrometheus } from './prometheus.ts'
import { type Bounds, boundsText, isWithin, type ResolvedMetricGate } from './setting.ts'

/** What was to be had last: values, or why there were none. */
interface Reading {
  /** When it was asked for, ms since the epoch. */
  readonly at: number
  readonly values: readonly number[]
  readonly why: string | null
}

/** So often in a row nothing was to be had before that counts as failing, where the plan says so. */
const UNKNOWN_IN_A_ROW = 3
/** Figures older than so many rounds are not taken for those of now. */
const STALE_ROUNDS = 3

/** The gates of one extraction that Prometheus or a command measures: asked in the background, judged at any time. */
export class MetricGates {
  readonly #gates: readonly Asked[]

  constructor(plan: Pick<ResolvedExtraction, 'name' | 'metrics'>) {
    this.#gates = plan.metrics.map((gate) => new Asked(gate, plan.name))
  }

  /** Asks those whose turn it is, without waiting. */
  look(): void {
    for (const gate of this.#gates) gate.look()
  }

  /**
   * @param since when the step began, ms since the epoch: what was measured before says nothing of it.
   * @param moved whether users are at the service, who could be brought back.
   */
  judge(since: number, moved: boolean): Judgement {
    const judged = this.#gates.map((gate) => gate.judge(since, moved))
    const texts = (state: GateFigure['state']) =>
      judged.flatMap(({ figure, text }) => (figure.state === state ? [text] : []))
    return {
      figures: judged.map(({ figure }) => figure),
      failed: texts('fails'),
      waiting: texts('waits'),
    }
  }

  /** Ends what is under way; `look` begins anew. */
  async stop(): Promise<void> {
    await Promise.all(this.#gates.map((gate) => gate.stop()))
  }
}

class Asked {
  readonly #gate: ResolvedMetricGate
  readonly #extraction: string
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | null = null
  #last: Reading | null = null
  #unknown = 0

  constructor(gate: ResolvedMetricGate, extraction: string) {
    this.#gate = gate
    this.#extraction = extraction
  }

  look(): void {
    const at = Date.now()
    if (this.#running || (this.#last && at - this.#last.at < this.#gate.everySeconds * 1000)) return
    const abort = new AbortController()
    const done = this.#read(abort.signal)
      .then(
        (values) => ({ values, why: null }),
        (error: Error) => ({ values: [], why: error.message }),
      )
      .then((reading) => {
        this.#running = null
        if (abort.signal.aborted) return
        this.#last = { at, ...reading }
        this.#unknown = reading.why === null ? 0 : this.#unknown + 1
      })
    this.#running = { abort, done }
  }

  async #read(signal: AbortSignal): Promise<readonly number[]> {
    const { prometheus, command, timeoutMs } = this.#gate
    if (prometheus) return askPrometheus(prometheus, timeoutMs, signal)
    if (command) return runCommand(command, this.#extraction, timeoutMs, signal)
    throw new Error('the gate says nowhere to ask')
  }

  judge(since: number, moved: boolean): { readonly figure: GateFigure; readonly text: string } {
    const { name, require, otherwise, unknown } = this.#gate
    const required = boundsText(require)
    const told = (measured: string, state: GateFigure['state'], text: string) => ({
      figure: { gate: name, measured, required, state },
      text: `${name}: ${text}`,
    })
    const reading = this.#fresh(since)
    if (!reading) return told('not measured yet', 'waits', 'to be measured')
    if (reading.why !== null) {
      const fails = moved && unknown === 'rollback' && this.#unknown >= UNKNOWN_IN_A_ROW
      return told(`unknown: ${reading.why}`, fails ? 'fails' : 'waits', reading.why)
    }
    const outside = reading.values.find((value) => !isWithin(value, require))
    const measured = measuredText(outside ?? reading.values[0]!, reading.values, require)
    if (outside === undefined) return told(measured, 'holds', '')
    const fails = moved && otherwise === 'rollback'
    return told(measured, fails ? 'fails' : 'waits', `${outside} is not ${required}`)
  }

  #fresh(since: number): Reading | null {
    const { everySeconds, timeoutMs } = this.#gate
    const oldest = Date.now() - STALE_ROUNDS * everySeconds * 1000 - timeoutMs
    return this.#last && this.#last.at >= Math.max(since, oldest) ? this.#last : null
  }

  async stop(): Promise<void> {
    this.#running?.abort.abort()
    await this.#running?.done
    this.#last = null
    this.#unknown = 0
  }
}

function measuredText(shown: number, values: readonly number[], require: Bounds): string {
  if (values.length === 1) return String(shown)
  const outside = values.filter((value) => !isWithin(value, require)).length
  return `${shown}; ${outside} of ${values.length} series out of bounds`
}
