import { type Divergence, paced, type VerifyOptions, type VerifyReport } from '@banyan/replication'
import type { TablesDependencies } from './dependencies.ts'
import type { ExtractionStatus } from './status.ts'

/** Between two comparisons of all rows, ms: small tables must not be read all the time. */
const REST_MS = 1_000
/** After a failed one (a database was away), ms. */
const RETRY_MS = 1_000
/** Rows known to differ are looked at again this often, ms: one that agrees by now leaves the list. */
const LOOK_AGAIN_MS = 2_000
/** Rows listed; the others are counted. */
const LISTED = 100

/** How rows are compared; `Live` knows with what. */
export interface Comparing {
  compare(options: Partial<VerifyOptions>): Promise<VerifyReport>
  stillDivergent(rows: readonly Divergence[], signal: AbortSignal): Promise<Divergence[]>
  /** The worst lag of the streams, ms; null while unknown. */
  lagMs(): number | null
  /** Whether a handover runs. */
  handingOver(): boolean
}

/**
 * Compares all rows over and over beside everything else, from the end of the copy to the end of the
 * extraction: slowly as long as nobody waits for it, at full speed when a step or an operator does.
 */
export class Verification {
  readonly #d: TablesDependencies
  #running: Promise<void> | null = null
  #looking: Promise<void> | null = null
  #abort = new AbortController()
  #notBefore = 0
  #lookAt = 0
  #runs = 0
  #at = 0
  #progress = 0
  #report: VerifyReport | null = null
  /** Raised by `forget`: a report counts when its run began after. */
  #round = 0
  #reportOf = -1
  /** By table and key. */
  #rows = new Map<string, Divergence>()
  /** Rows that differ beyond those listed, by the newest run. */
  #unlisted = 0
  #told: number | null = null

  constructor(dependencies: TablesDependencies) {
    this.#d = dependencies
  }

  /** The newest result; null while none counts. */
  get report(): VerifyReport | null {
    return this.#reportOf === this.#round ? this.#report : null
  }

  /** Rows that differ as far as it is known now; null before the first run has ended without any. */
  get divergent(): number | null {
    const found = this.#rows.size + this.#unlisted
    return this.#report || found > 0 ? found : null
  }

  /** Null before the first run. */
  get figures(): ExtractionStatus['verify'] | null {
    if (this.#runs === 0 && this.#rows.size === 0 && !this.#running) return null
    const rows = [...this.#rows.values()]
    return {
      runs: this.#runs,
      rows: this.#report?.rows ?? 0,
      rowsPerSecond: Math.round(this.#report?.rowsPerSecond ?? 0),
      rowsInRun: this.#running ? this.#progress : null,
      divergent: this.divergent ?? 0,
      at: this.#at === 0 ? null : new Date(this.#at).toISOString(),
      examples: rows
        .slice(0, 10)
        .map(
          (one) => `${one.table} (${one.key.join(', ')}): ${one.kind} ${one.columns.join(', ')}`,
        ),
      divergentRows: rows,
    }
  }

  /** Keeps a comparison running; called again and again. */
  tick(comparing: Comparing): void {
    if (!this.#running && Date.now() >= this.#notBefore) this.#start(comparing)
    if (!this.#looking && this.#rows.size > 0 && Date.now() >= this.#lookAt) this.#look(comparing)
  }

  /** What was found does not count any more: buckets have moved since, or an operator has looked at it. */
  forget(): void {
    this.#round++
    this.#notBefore = 0
  }

  /** An operator asks: the run in hand is given up for one that begins now. */
  again(): void {
    this.forget()
    this.#abort.abort()
    this.#abort = new AbortController()
  }

  /** Looks at the listed rows again at once. */
  lookAgain(): void {
    this.#lookAt = 0
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#abort.abort()
    await Promise.all([this.#running, this.#looking])
    this.#abort = new AbortController()
  }

  #start(comparing: Comparing): void {
    const { signal } = this.#abort
    this.#running = unlessAborted(this.#run(comparing, signal), signal)
      .catch((error: Error) => {
        if (signal.aborted) return
        this.#d.log.warn({ err: error }, 'the comparison will be tried again')
        this.#notBefore = Date.now() + RETRY_MS
      })
      .finally(() => {
        this.#running = null
      })
  }

  async #run(comparing: Comparing, signal: AbortSignal): Promise<void> {
    const round = this.#round
    const { plan } = this.#d
    /** Listed rows that this run found differing. */
    const seen = new Set<string>()
    this.#progress = 0
    const report = await comparing.compare({
      signal,
      keep: LISTED,
      onProgress: ({ totalRows }) => {
        this.#progress = totalRows
      },
      onDivergence: (one) => {
        if (this.#list(one)) seen.add(idOf(one))
      },
      pace: paced({
        // Somebody waits for this run, or will for the next one.
        share: () => (this.report === null ? 1 : plan.verify.share),
        behind: () => (comparing.lagMs() ?? 0) > plan.gates.lagMs / 2,
        held: () => comparing.handingOver(),
        signal,
      }),
    })
    signal.throwIfAborted()
    for (const id of this.#rows.keys()) if (!seen.has(id)) this.#rows.delete(id)
    this.#unlisted = Math.max(0, report.divergent - seen.size)
    const asked = this.report === null
    this.#report = report
    this.#reportOf = round
    this.#runs++
    this.#at = Date.now()
    this.#notBefore = this.report === null ? 0 : Date.now() + REST_MS
    const { rows, divergent, settled } = report
    // What goes on all the time is told when it matters: it was waited for, or says something new.
    if (!asked && this.#told === divergent) return
    this.#told = divergent
    await this.#d.ledger.append(plan.name, this.#d.term, [
      { kind: 'fact', what: 'verified', detail: { rows, divergent, settled } },
    ])
  }

  #list(one: Divergence): boolean {
    const listed = this.#rows.has(idOf(one)) || this.#rows.size < LISTED
    if (listed) this.#rows.set(idOf(one), one)
    return listed
  }

  #look(comparing: Comparing): void {
    const { signal } = this.#abort
    const before = [...this.#rows.values()]
    this.#looking = unlessAborted(comparing.stillDivergent(before, signal), signal)
      .then((still) => {
        const left = new Map(still.map((one) => [idOf(one), one]))
        for (const one of before) {
          const now = left.get(idOf(one))
          if (now) this.#rows.set(idOf(one), now)
          else this.#rows.delete(idOf(one))
        }
      })
      .catch((error: Error) => {
        if (!signal.aborted) this.#d.log.warn({ err: error }, 'divergent rows were not looked at')
      })
      .finally(() => {
        this.#looking = null
        this.#lookAt = Date.now() + LOOK_AGAIN_MS
      })
  }
}

/** One that waits for a stream is not waited for: a takeover must not take as long. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let giveUp = () => {}
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp)
  })
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', giveUp))
}

function idOf({ table, key }: Divergence): string {
  return [table, ...key].join('\0')
}
